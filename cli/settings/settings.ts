import { existsSync } from 'node:fs';
import { logLine } from '../../rpc/log.ts';
import { allTexts, type FlagSpec, type FlagUse, lastText } from '../../flags/flag-spec.ts';
import { parseBool, parseDurationMs } from '../../flags/parse-value.ts';
import { type ConfigValues, configTexts, readConfigFile } from './config-file.ts';
import { defaultConfigPath, fallbackConfigPaths, hubbleConfigPath } from './config-path.ts';
import { serverFlags } from '../../flags/server-flags.ts';

/** A setting's texts and where they stand, such as `--tls` or `HUBBLE_TLS`; for messages. */
interface Setting {
  readonly origin: string;
  readonly texts: readonly string[];
}

/** Settings that are no flags of every command, but have the same sources. */
const rawFilterLists = ['allowlist', 'denylist'];

/** Environment variables of a setting, ours first. An empty one counts as not set. */
export function variableNames(name: string): [string, string] {
  const suffix = name.toUpperCase().replaceAll('-', '_');
  return [`SLUICE_${suffix}`, `HUBBLE_${suffix}`];
}

/**
 * The settings of a command that speaks to a server: each from the command line, else from the environment (`SLUICE_…`, then `HUBBLE_…`), else from the config file, else
 * its default. Sources are never merged: a list in the environment replaces one in the file.
 */
export class Settings {
  private readonly uses: readonly FlagUse[];
  private readonly env: NodeJS.ProcessEnv;
  private readonly files: readonly { readonly path: string; readonly values: ConfigValues }[];

  private constructor(
    uses: readonly FlagUse[],
    env: NodeJS.ProcessEnv,
    files: readonly { path: string; values: ConfigValues }[],
  ) {
    this.uses = uses;
    this.env = env;
    this.files = files;
  }

  /** Reads the config file, if there is one. */
  static async load(uses: readonly FlagUse[], env: NodeJS.ProcessEnv = process.env): Promise<Settings> {
    const early = new Settings(uses, env, []);
    const isDebug = early.bool('debug');
    const paths = [early.configPath];
    if (early.configPath === '')
      paths.splice(0, 1, ...fallbackConfigPaths(env).filter(existsSync).slice(0, 1));
    if (early.configPath === defaultConfigPath(env)) paths.push(hubbleConfigPath(env));
    const files = await Promise.all(
      paths.map(async (path) => ({
        path,
        values: await readConfigFile(path, (reason) => {
          if (isDebug) process.stderr.write(`${logLine('debug', 'config file ignored', { path, reason })}\n`);
        }),
      })),
    );
    return new Settings(uses, env, files);
  }

  /** The config file that is read and written; no config file names another one. */
  get configPath(): string {
    return this.given('config')?.texts.at(-1) ?? defaultConfigPath(this.env);
  }

  /** The text of a setting; undefined when no source has it and there is no default. */
  text(name: string): string | undefined {
    return this.find(name)?.texts.at(-1) ?? specOf(name)?.default;
  }

  /** Throws UsageError that names where the value stands. */
  bool(name: string): boolean {
    const setting = this.find(name);
    const text = setting?.texts.at(-1) ?? specOf(name)?.default;
    return text !== undefined && parseBool(setting?.origin ?? `--${name}`, text);
  }

  /** Throws UsageError that names where the value stands. */
  durationMs(name: string): number {
    const setting = this.find(name);
    return parseDurationMs(
      setting?.origin ?? `--${name}`,
      setting?.texts.at(-1) ?? specOf(name)?.default ?? '0s',
    );
  }

  /** The elements of a list; empty when no source has it. */
  list(name: string): readonly string[] {
    return this.find(name)?.texts ?? [];
  }

  /** The raw filter lists that some source has. */
  extraLists(): Readonly<Record<string, readonly string[]>> {
    const lists = rawFilterLists.map((name) => [name, this.list(name)] as const);
    return Object.fromEntries(lists.filter(([, texts]) => texts.length > 0));
  }

  private find(name: string): Setting | undefined {
    const given = this.given(name);
    if (given !== undefined) return given;
    const isList = isListSetting(name);
    for (const { path, values } of this.files) {
      const texts = configTexts(Object.hasOwn(values, name) ? values[name] : undefined, isList);
      if (texts.length > 0) return { origin: `${name} in ${path}`, texts };
    }
    return undefined;
  }

  /** A setting from the command line, else from the environment. */
  private given(name: string): Setting | undefined {
    if (lastText(this.uses, name) !== undefined)
      return { origin: `--${name}`, texts: allTexts(this.uses, name) };
    const isList = isListSetting(name);
    for (const variable of variableNames(name)) {
      const text = this.env[variable];
      if (text === undefined || text === '') continue;
      return { origin: variable, texts: isList ? text.split(/\s+/).filter((part) => part !== '') : [text] };
    }
    return undefined;
  }
}

function isListSetting(name: string): boolean {
  return rawFilterLists.includes(name) || specOf(name)?.kind === 'list';
}

function specOf(name: string): FlagSpec | undefined {
  return serverFlags.find((spec) => spec.name === name);
}
