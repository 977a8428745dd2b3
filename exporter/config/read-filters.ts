import { fromJson, type JsonValue } from '@bufbuild/protobuf';
import type { Field, ReportField } from '../../cluster/manifest/field.ts';
import { formatPath } from '../../cluster/manifest/field.ts';
import { compileFieldMask, FieldMaskError } from '../../proto/flow/field-mask.ts';
import { compileFlowFilters } from '../../proto/flow/filter/compile-filter.ts';
import { FilterError } from '../../proto/flow/filter/filter-error.ts';
import { type FlowFilter, FlowFilterSchema } from '../../proto/gen/flow/flow_pb.ts';

/**
 * A list of flow filters: mappings with the fields of a FlowFilter, or such objects as JSON text, which is how Hubble's exporter and `observe --print-raw-filters` write them.
 * Each is compiled once here, so that nothing but its flows is left to see at run time.
 */
export function readFilters(list: Field, report: ReportField): FlowFilter[] {
  return list.items().flatMap((item) => {
    const problem = (what: string): [] => {
      report(item.path, `${formatPath(item.path)} ${what}`);
      return [];
    };
    const { value } = item;
    if (typeof value !== 'string' && (typeof value !== 'object' || value === null || Array.isArray(value))) {
      return problem('is no flow filter: expected a mapping such as {verdict: [DROPPED]}');
    }
    try {
      const json = typeof value === 'string' ? (JSON.parse(value) as JsonValue) : (value as JsonValue);
      const filter = fromJson(FlowFilterSchema, json);
      compileFlowFilters([filter], []);
      return [filter];
    } catch (error) {
      if (error instanceof SyntaxError) return problem(`is no JSON: ${error.message}`);
      if (error instanceof FilterError) return problem(`cannot be used: ${error.message}`);
      return problem(`is no flow filter: ${(error as Error).message}`);
    }
  });
}

/** Checks that the two lists together stay within what one request may ask of a filter. */
export function checkFilters(
  sink: Field,
  allow: readonly FlowFilter[],
  deny: readonly FlowFilter[],
  report: ReportField,
): void {
  try {
    compileFlowFilters(allow, deny);
  } catch (error) {
    if (!(error instanceof FilterError)) throw error;
    report(sink.path, `${formatPath(sink.path)} has filters that cannot be used together: ${error.message}`);
  }
}

/** The paths of a field mask. */
export function readFieldMask(list: Field, report: ReportField): string[] {
  return list.items().flatMap((item) => {
    const path = item.requiredString();
    if (path === '') return [];
    try {
      compileFieldMask([path]);
      return [path];
    } catch (error) {
      if (!(error instanceof FieldMaskError)) throw error;
      report(item.path, `${formatPath(item.path)}: ${error.message}`);
      return [];
    }
  });
}
