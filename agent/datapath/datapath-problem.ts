/** Something that keeps an endpoint, the device or an address from being served; listed until it is mended. */
export interface DatapathProblem {
  readonly where: string;
  readonly message: string;
}
