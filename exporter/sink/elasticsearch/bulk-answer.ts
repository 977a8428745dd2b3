/** What a server says of one document of a bulk request, as far as it was asked for (filter_path). */
export interface BulkItem {
  readonly create?: {
    readonly status: number;
    readonly error?: {
      readonly type?: string;
      readonly reason?: string;
      readonly caused_by?: { readonly reason?: string };
    };
  };
}

/** The answer to a bulk request. */
export interface BulkAnswer {
  readonly errors: boolean;
  readonly items?: readonly BulkItem[];
}

/** The parts of an answer that are wanted: a place for every document, and words for those that failed. */
export const ANSWER_PARTS =
  'errors,items.*.status,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason';

/**
 * What became of a document: `stored`; `duplicate`, it was there already; `busy`, to be sent again; `refused`, not stored for a reason that lies with the index or the cluster, to be sent again when that is mended;
 * `rejected`, it will never be taken.
 */
export type ItemResult = 'stored' | 'duplicate' | 'busy' | 'refused' | 'rejected';

/** Errors that lie in the document, whatever the state of the cluster. */
const documentFaults = new Set([
  'document_parsing_exception',
  'mapper_parsing_exception',
  'strict_dynamic_mapping_exception',
  'parsing_exception',
  'x_content_parse_exception',
  'json_parse_exception',
]);

export function resultOf({ create }: BulkItem): ItemResult {
  if (create === undefined) return 'refused';
  const { status, error } = create;
  if (status < 300) return 'stored';
  if (status === 409) return 'duplicate';
  if (status === 429 || status >= 500) return 'busy';
  const type = error?.type ?? '';
  // An index without a field for it, or with too many, gives the same type, but other words.
  const isTooLong = type === 'illegal_argument_exception' && /immense term/i.test(reasonOf({ create }));
  return documentFaults.has(type) || isTooLong ? 'rejected' : 'refused';
}

/** What the server said of a document. */
export function reasonOf({ create }: BulkItem): string {
  if (create === undefined) return 'no answer for this document';
  const { status, error } = create;
  const words = [error?.type, error?.reason, error?.caused_by?.reason].filter((word) => word !== undefined);
  return words.length === 0 ? `status ${status}` : words.join(': ');
}
