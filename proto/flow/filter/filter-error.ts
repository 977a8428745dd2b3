/** A FlowFilter that cannot be compiled. The message names field, value and what was expected. */
export class FilterError extends Error {
  override readonly name = 'FilterError';
  /** Proto name of the field. */
  readonly field: string;

  constructor(field: string, value: string, expected: string) {
    super(`invalid ${field} ${JSON.stringify(value)} in flow filter: ${expected}`);
    this.field = field;
  }
}
