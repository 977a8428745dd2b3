/** Hubble's limit, that of Go's bufio.Scanner. */
export const MAX_LINE_BYTES = 64 * 1024;

const LINE_BREAK = 10;

/** Cuts a byte stream into lines without their line breaks, in constant memory. Throws Error that names the line that is longer than 64 KiB. */
export async function* readLines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const utf8 = new TextDecoder();
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  let count = 0;
  const take = (part: Uint8Array): string => {
    count++;
    if (heldBytes + part.length > MAX_LINE_BYTES) {
      throw new Error(`line ${count} is longer than ${MAX_LINE_BYTES} bytes`);
    }
    const line = utf8.decode(held.length === 0 ? part : Buffer.concat([...held, part]));
    held = [];
    heldBytes = 0;
    return line.endsWith('\r') ? line.slice(0, -1) : line;
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_BREAK); end >= 0; end = chunk.indexOf(LINE_BREAK, start)) {
      yield take(chunk.subarray(start, end));
      start = end + 1;
    }
    if (start === chunk.length) continue;
    held.push(chunk.subarray(start));
    heldBytes += chunk.length - start;
    if (heldBytes > MAX_LINE_BYTES) take(new Uint8Array(0));
  }
  if (heldBytes > 0) yield take(new Uint8Array(0));
}
