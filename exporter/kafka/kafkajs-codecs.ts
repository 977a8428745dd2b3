import { promisify } from 'node:util';
import { zstdCompress, zstdDecompress } from 'node:zlib';
import { compressionsAlgorithms } from '@platformatic/kafka';
import kafkajs from 'kafkajs';

const compressZstd = promisify(zstdCompress);
const decompressZstd = promisify(zstdDecompress);

/** Teaches kafkajs, which comes with gzip alone, the other codecs that topics have: for the whole process. */
export function registerCodecs(): void {
  const { CompressionCodecs, CompressionTypes } = kafkajs;
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: (encoder: { buffer: Buffer }) => compressZstd(encoder.buffer),
    decompress: (buffer: Buffer) => decompressZstd(buffer),
  });
  for (const name of ['lz4', 'snappy'] as const) {
    CompressionCodecs[name === 'lz4' ? CompressionTypes.LZ4 : CompressionTypes.Snappy] = () => ({
      compress: (encoder: { buffer: Buffer }) =>
        Promise.resolve(compressionsAlgorithms[name].compressSync(encoder.buffer)),
      decompress: (buffer: Buffer) => Promise.resolve(compressionsAlgorithms[name].decompressSync(buffer)),
    });
  }
}
