import { compileFieldMask, FieldMaskError } from '../../proto/flow/field-mask.ts';
import { type FlagUse, allTexts, lastText, UsageError } from '../../flags/flag-spec.ts';
import { parseBool } from '../../flags/parse-value.ts';
import type { OutputFormat } from '../../proto/flow/text/print-options.ts';

/** The fields of a flow that the text formats show: Hubble's default mask, and what it leaves out although text is made of it. */
export const TEXT_FIELDS: readonly string[] = [
  'time',
  'verdict',
  'ethernet',
  'IP',
  'l4',
  'source.identity',
  'source.namespace',
  'source.pod_name',
  'destination.identity',
  'destination.namespace',
  'destination.pod_name',
  'Type',
  'node_name',
  'l7',
  'event_type',
  'source_service',
  'destination_service',
  'is_reply',
  'Summary',
  'ip_trace_id',
  'traffic_direction',
  'policy_match_type',
  'ingress_allowed_by',
  'ingress_denied_by',
  'egress_allowed_by',
  'egress_denied_by',
  // Hubble 1.20 shows these too, but does not ask for them.
  'source_names',
  'destination_names',
  'auth_type',
  'debug_capture_point',
];

/** The field mask of a request: none for the whole flow. Throws UsageError. */
export function fieldMask(uses: readonly FlagUse[], format: OutputFormat): readonly string[] {
  const given = allTexts(uses, 'field-mask');
  if (given.length > 0) {
    if (format !== 'json')
      throw new UsageError('--field-mask needs --output json: text is made of fixed fields');
    try {
      compileFieldMask(given);
    } catch (error) {
      if (error instanceof FieldMaskError) throw new UsageError(`${error.message} (--field-mask)`);
      throw error;
    }
    return given;
  }
  const usesDefault = parseBool(
    '--use-default-field-masks',
    lastText(uses, 'use-default-field-masks') ?? 'true',
  );
  return usesDefault && format !== 'json' && format !== 'legacy-json' ? TEXT_FIELDS : [];
}
