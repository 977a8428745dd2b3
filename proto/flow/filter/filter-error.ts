/** Of a value that is wrong, so much is shown. */
const SHOWN_LENGTH = 200;

function shorten(value: string): string {
  return value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}…` : value;
}

/** A FlowFilter that cannot be compiled. The message names field, value and what was expected. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  /** Proto name of the field. */
  readonly field: string;

  /** @param value the value at fault, null when it is not a single one; long ones are cut in the message */
  constructor(field: string, value: string | null, expected: string) {
    const shown = value === null ? field : `${field} ${JSON.stringify(shorten(value))}`;
    super(`invalid ${shown} in flow filter: ${expected}`);
    this.field = field;
  }
}
