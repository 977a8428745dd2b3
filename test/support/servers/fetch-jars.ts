import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where servers for tests are kept: made once, used by all runs. */
export const SERVERS = join(import.meta.dirname, '../../../build/servers');

/** A Maven coordinate, as `group:artifact:version`. */
export type Coordinate = string;

const FETCH_TIMEOUT_MS = 300_000;

/** Runs a program to its end. Throws Error that names it and what it said last. */
export async function runProgram(program: string, args: readonly string[], cwd: string): Promise<void> {
  try {
    await promisify(execFile)(program, [...args], { cwd, timeout: FETCH_TIMEOUT_MS, maxBuffer: 2 ** 24 });
  } catch (error) {
    const { code, stdout = '' } = error as { code?: string; stdout?: string };
    const said =
      stdout
        .trim()
        .split('\n')
        .findLast((line) => line.includes('ERROR')) ?? (error as Error).message;
    throw new Error(`${program} ${code === 'ENOENT' ? 'is not installed' : `failed: ${said}`}`, {
      cause: error,
    });
  }
}

/** Puts the jars of some artifacts, and of all that they need, into `build/servers/NAME`, unless they are there. Returns the directory. Throws Error when Maven cannot get them. */
export async function fetchJars(name: string, coordinates: readonly Coordinate[]): Promise<string> {
  const target = join(SERVERS, name);
  if (existsSync(target)) return target;
  const scratch = `${target}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    const dependencies = coordinates.map((coordinate) => {
      const [group, artifact, version] = coordinate.split(':');
      return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
    });
    writeFileSync(
      join(scratch, 'pom.xml'),
      `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion><groupId>sluice</groupId>
<artifactId>servers</artifactId><version>1</version><packaging>pom</packaging><dependencies>${dependencies.join('')}</dependencies></project>`,
    );
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', '-DoutputDirectory=lib'];
    await runProgram('mvn', ['-q', '-B', '-ntp', ...goal], scratch);
    renameSync(join(scratch, 'lib'), target);
    return target;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
