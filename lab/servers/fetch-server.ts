import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Where real servers are kept, for the lab and for tests: fetched once, used by all runs. */
export const SERVERS = join(import.meta.dirname, '../../build/servers');

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

const MAVEN = ['-q', '-B', '-ntp'];

/** Makes `build/servers/NAME` unless it is there: `fill` gets an empty directory, and names what in it is to be kept. Returns the directory. */
async function keep(name: string, fill: (scratch: string) => Promise<string>): Promise<string> {
  const target = join(SERVERS, name);
  if (existsSync(target)) return target;
  const scratch = `${target}.${process.pid}`;
  mkdirSync(scratch, { recursive: true });
  try {
    renameSync(await fill(scratch), target);
    return target;
  } catch (error) {
    // Another process was quicker.
    if (existsSync(target)) return target;
    throw error;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Unpacks an archive, of the type `zip`, into `build/servers/NAME`, unless it is there; `root` is the directory in it that is kept. Returns the directory. Throws Error when Maven cannot get it. */
export function fetchArchive(name: string, coordinate: Coordinate, root: string): Promise<string> {
  return keep(name, async (scratch) => {
    const goal = ['dependency:unpack', `-Dartifact=${coordinate}:zip`, `-DoutputDirectory=${scratch}`];
    await runProgram('mvn', [...MAVEN, ...goal], scratch);
    return join(scratch, root);
  });
}

/** Puts the jars of some artifacts, and of all that they need, into `build/servers/NAME`, unless they are there. Returns the directory. Throws Error when Maven cannot get them. */
export function fetchJars(name: string, coordinates: readonly Coordinate[]): Promise<string> {
  return keep(name, async (scratch) => {
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
    await runProgram('mvn', [...MAVEN, ...goal], scratch);
    return join(scratch, 'lib');
  });
}
