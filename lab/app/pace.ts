import type { Tally } from './tally.ts';

/**
 * Does something `perSecond` times a second on average, at random moments, as unrelated people do. What takes long does not hold up the next; what fails is
 * counted.
 */
export function pace(perSecond: number, what: string, act: () => Promise<void>, tally: Tally): void {
  if (perSecond <= 0) return;
  const next = (): void => {
    setTimeout(
      () => {
        next();
        act().then(
          () => tally.count(what),
          (error) => tally.fail(what, error),
        );
      },
      (-Math.log(1 - Math.random()) * 1000) / perSecond,
    );
  };
  next();
}
