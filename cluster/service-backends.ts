import type { BackendsManifest } from './manifest/objects.ts';

/** Backends that are written down one by one, by the service they belong to: of all its slices together. */
export class ServiceBackends {
  private readonly manifests = new Map<string, BackendsManifest>();
  private readonly ofService = new Map<string, Set<string>>();

  /** Takes an object's new state, undefined when it is gone. Returns the services (`namespace/name`) that may have other backends now. */
  set(kind: string, namespace: string, name: string, manifest: BackendsManifest | undefined): string[] {
    const key = `${kind}/${namespace}/${name}`;
    const touched = new Set<string>();
    const old = this.manifests.get(key);
    if (old !== undefined) {
      const service = `${old.namespace}/${old.service}`;
      const objects = this.ofService.get(service)!;
      objects.delete(key);
      if (objects.size === 0) this.ofService.delete(service);
      this.manifests.delete(key);
      touched.add(service);
    }
    if (manifest !== undefined) {
      const service = `${namespace}/${manifest.service}`;
      this.ofService.set(service, (this.ofService.get(service) ?? new Set()).add(key));
      this.manifests.set(key, manifest);
      touched.add(service);
    }
    return [...touched];
  }

  /** Addresses of a service's backends, sorted as text. */
  addressesOf(service: string): string[] {
    const objects = [...(this.ofService.get(service) ?? [])];
    return [...new Set(objects.flatMap((key) => this.manifests.get(key)!.addresses))].sort();
  }
}
