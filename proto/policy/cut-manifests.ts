import type { PolicyDetail } from '../gen/sluice/v1/policy_pb.ts';

/** Characters of the manifests of one answer: in UTF-8 it has to stay below the 4 MiB that clients take. */
const MAX_CHARACTERS = 1024 * 1024;

/** Takes manifests away that would make an answer too large, and says so: those of older revisions first. */
export function cutManifests(details: readonly PolicyDetail[], most: number = MAX_CHARACTERS): void {
  let left = most;
  const cut = (detail: PolicyDetail, one: { manifest: string }): void => {
    if (one.manifest.length <= left) {
      left -= one.manifest.length;
      return;
    }
    one.manifest = '';
    detail.manifestsCut = true;
  };
  for (const detail of details) cut(detail, detail);
  for (const detail of details) for (const revision of detail.revisions) cut(detail, revision);
}
