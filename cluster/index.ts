export type {
  CidrGroup,
  ClusterChange,
  ClusterNode,
  ClusterSource,
  NamedContainerPort,
  PodEndpoint,
  PolicyObject,
  Service,
  ServicePort,
  SourceProblem,
  Workload,
} from './model.ts';
export { createDirectorySource, type DirectorySourceOptions } from './directory/directory-source.ts';
export type { PolicyReader } from './manifest/parse-manifests.ts';
export { canonicalCidr, canonicalIp, formatIp, parseCidr, parseIp } from './address.ts';
