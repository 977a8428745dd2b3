/** Version of what `sluice export setup elasticsearch` installs: fields, their types, and the names of all of it. Raised when a field is added or changed. */
export const SETUP_VERSION = 1;

/** Name of the index template behind each stream, which the exporter looks for. */
export const FLOW_TEMPLATE = 'sluice-flows';
export const EDGE_TEMPLATE = 'sluice-edges';
export const HEALTH_TEMPLATE = 'sluice-export';

/** The data streams of a namespace, named as Elastic's scheme has it: type, data set, namespace. */
export const flowStream = (namespace: string): string => `logs-sluice.flows-${namespace}`;
export const edgeStream = (namespace: string): string => `metrics-sluice.edges-${namespace}`;
export const healthStream = (namespace: string): string => `metrics-sluice.export-${namespace}`;
