import manifest from '../package.json' with { type: 'json' };

/** Version of this program, semver without a leading v. */
export const VERSION: string = manifest.version;
