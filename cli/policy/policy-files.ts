import { readdirSync, readFileSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { MAX_POLICY_TEXT } from '../../policy/index.ts';

/** A file's text and what messages call it. */
export interface TextFile {
  readonly file: string;
  readonly text: string;
}

/** Files that are read below a directory. */
const MANIFEST = /\.(ya?ml|json)$/;

/**
 * Reads named files, and all manifests below named directories, in the order of their names; hidden files and directories are left out, as an agent does. Throws an Error
 * that names the path when one cannot be read, is too large or is not UTF-8 text, and when a directory holds no manifest.
 */
export function readPolicyFiles(paths: readonly string[]): TextFile[] {
  return paths.flatMap((path) => {
    if (!stat(path).isDirectory()) return [readText(path)];
    const names = readdirSync(path, { recursive: true, encoding: 'utf8' })
      .filter((name) => MANIFEST.test(name) && !/(^|\/)\./.test(name))
      .sort();
    const files = names.map((name) => join(path, name)).filter((file) => stat(file).isFile());
    if (files.length === 0) throw new Error(`${path} holds no file that ends in .yaml, .yml or .json`);
    return files.map(readText);
  });
}

function stat(path: string): Stats {
  try {
    return statSync(path);
  } catch (error) {
    throw cannotRead(path, error);
  }
}

function readText(file: string): TextFile {
  const { size } = stat(file);
  if (size > MAX_POLICY_TEXT) {
    throw new Error(`${file} has ${size} bytes: expected at most ${MAX_POLICY_TEXT}`);
  }
  let bytes: Uint8Array;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw cannotRead(file, error);
  }
  try {
    return { file, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch (error) {
    throw new Error(`${file} is not UTF-8 text`, { cause: error });
  }
}

function cannotRead(path: string, error: unknown): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  return new Error(
    `cannot read ${path}: ${code === 'ENOENT' ? 'there is no such file' : (code ?? message)}`,
    {
      cause: error,
    },
  );
}
