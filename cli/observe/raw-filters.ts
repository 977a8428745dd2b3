import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import { jsonString } from '../../proto/flow/text/json-string.ts';
import { memberJson } from '../../proto/flow/text/json-text.ts';
import { type FlowFilter, FlowFilterSchema } from '../../proto/gen/flow/flow_pb.ts';
import { UsageError } from '../../flags/flag-spec.ts';
import type { FlowFilters } from '../../flags/observe/build-filters.ts';

/** Where each of the JSON objects in a text ends. Throws UsageError for anything between them. */
function objectEnds(name: string, text: string): number[] {
  const ends: number[] = [];
  let depth = 0;
  let isString = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isString) {
      if (character === '\\') i++;
      else if (character === '"') isString = false;
    } else if (character === '{') depth++;
    else if (depth === 0 && !/\s/.test(character)) throw notAnObject(name, text);
    else if (character === '"') isString = true;
    else if (character === '}' && --depth === 0) ends.push(i + 1);
  }
  if (depth > 0) throw notAnObject(name, text);
  return ends;
}

function notAnObject(name: string, text: string): UsageError {
  return new UsageError(
    `invalid value ${jsonString(text)} for --${name}: expected FlowFilter objects in JSON, such as {"verdict":["DROPPED"]}`,
  );
}

/** Reads filters in JSON (proto or lowerCamel names), one or more objects in each text. Throws UsageError, also for fields that a FlowFilter does not have. */
export function parseRawFilters(name: string, texts: readonly string[]): FlowFilter[] {
  return texts.flatMap((text) => {
    let start = 0;
    return objectEnds(name, text).map((end) => {
      const json = text.slice(start, end);
      start = end;
      try {
        return fromJson(FlowFilterSchema, JSON.parse(json) as JsonValue);
      } catch (error) {
        throw new UsageError(`invalid value for --${name}: ${(error as Error).message} in ${json.trim()}`);
      }
    });
  });
}

/** The order in which Hubble's schema defines the fields, which is that of its printed filters. */
const fieldOrder = [
  'uuid',
  'source_ip',
  'source_ip_xlated',
  'source_pod',
  'source_fqdn',
  'source_label',
  'source_service',
  'source_workload',
  'source_cluster_name',
  'destination_ip',
  'destination_pod',
  'destination_fqdn',
  'destination_label',
  'destination_service',
  'destination_workload',
  'destination_cluster_name',
  'traffic_direction',
  'verdict',
  'drop_reason_desc',
  'interface',
  'event_type',
  'http_status_code',
  'protocol',
  'source_port',
  'destination_port',
  'reply',
  'dns_query',
  'source_identity',
  'destination_identity',
  'http_method',
  'http_path',
  'http_url',
  'http_header',
  'tcp_flags',
  'node_name',
  'node_labels',
  'ip_version',
  'trace_id',
  'ip_trace_id',
  'encrypted',
  'experimental',
];

function filterJson(filter: FlowFilter): string {
  const members = memberJson(FlowFilterSchema, filter);
  const present = fieldOrder.filter((name) => members.has(name));
  return `{${present.map((name) => `"${name}":${members.get(name)}`).join(',')}}`;
}

/** Filters as YAML that a config file may hold: lists of JSON in single quotes. */
export function rawFiltersText({ whitelist, blacklist }: FlowFilters): string {
  const list = (name: string, filters: readonly FlowFilter[]): string => {
    const lines = filters.map((filter) => `    - '${filterJson(filter).replaceAll("'", "''")}'\n`);
    return lines.length === 0 ? '' : `${name}:\n${lines.join('')}`;
  };
  return list('allowlist', whitelist) + list('denylist', blacklist) || '{}\n';
}
