import { describeObject, type ManifestObject, objectKey } from '../manifest/objects.ts';
import type { ParsedManifests } from '../manifest/parse-manifests.ts';
import type { SourceProblem } from '../model.ts';

interface FileContent {
  readonly objects: ReadonlyMap<string, ManifestObject>;
  readonly problems: readonly SourceProblem[];
}

/**
 * Which object every file speaks of, and which file counts where several speak of the same: the first by path. What changed is collected until it is
 * taken. A file with problems keeps the last good state of those of its objects that its new text does not give.
 */
export class ManifestStore {
  private readonly files = new Map<string, FileContent>();
  /** Paths that hold an object, sorted; nearly always one. */
  private readonly holders = new Map<string, readonly string[]>();
  private readonly contested = new Set<string>();
  private touched = new Set<string>();

  setFile(path: string, parsed: ParsedManifests): void {
    const old = this.files.get(path);
    const objects = new Map<string, ManifestObject>();
    const duplicates: SourceProblem[] = [];
    for (const object of parsed.objects) {
      const key = objectKey(object);
      if (objects.has(key)) {
        duplicates.push({
          where: path,
          message: `${describeObject(object)} stands in this file twice: the first counts`,
        });
      } else objects.set(key, object);
    }
    if (parsed.problems.length > 0) {
      for (const [key, object] of old?.objects ?? []) if (!objects.has(key)) objects.set(key, object);
    }
    this.files.set(path, { objects, problems: [...parsed.problems, ...duplicates, ...parsed.notes] });
    this.moveHolders(path, old?.objects, objects);
  }

  removeFile(path: string): void {
    const old = this.files.get(path);
    if (old === undefined) return;
    this.files.delete(path);
    this.moveHolders(path, old.objects, new Map());
  }

  /** Every object that may have changed since the last call, by key; undefined for one that is gone. */
  takeTouched(): Map<string, ManifestObject | undefined> {
    const touched = this.touched;
    this.touched = new Set();
    return new Map([...touched].map((key) => [key, this.object(key)]));
  }

  get problems(): SourceProblem[] {
    const duplicates = [...this.contested].flatMap((key) => {
      const [counting, ...others] = this.holders.get(key)!;
      const name = describeObject(this.object(key)!);
      return others.map((where) => ({
        where,
        message: `${name} stands in ${counting} too, and that one counts`,
      }));
    });
    return [...[...this.files.values()].flatMap(({ problems }) => problems), ...duplicates];
  }

  private object(key: string): ManifestObject | undefined {
    const path = this.holders.get(key)?.[0];
    return path === undefined ? undefined : this.files.get(path)?.objects.get(key);
  }

  private moveHolders(
    path: string,
    from: ReadonlyMap<string, ManifestObject> | undefined,
    to: ReadonlyMap<string, ManifestObject>,
  ): void {
    for (const key of from?.keys() ?? []) {
      this.touched.add(key);
      if (!to.has(key))
        this.setHolders(
          key,
          this.holdersOf(key).filter((other) => other !== path),
        );
    }
    for (const key of to.keys()) {
      this.touched.add(key);
      if (!from?.has(key)) this.setHolders(key, [...this.holdersOf(key), path].sort());
    }
  }

  private holdersOf(key: string): readonly string[] {
    return this.holders.get(key) ?? [];
  }

  private setHolders(key: string, paths: readonly string[]): void {
    if (paths.length === 0) this.holders.delete(key);
    else this.holders.set(key, paths);
    if (paths.length > 1) this.contested.add(key);
    else this.contested.delete(key);
  }
}
