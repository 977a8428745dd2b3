import { useStores, useViewState } from '../app/stores.ts';
import type { ViewState } from '../store/view-state.ts';
import { parsePolicyChoice, type PolicyChoice, policyChoiceText } from './policy-choice.ts';

/** What is chosen in the policy view, and a way to choose something else. */
export function usePolicyChoice(): {
  readonly choice: PolicyChoice;
  /** `more` is what else of the view changes by the same step. */
  readonly choose: (
    part: Partial<PolicyChoice>,
    more?: Partial<ViewState>,
    options?: { readonly isFleeting?: boolean },
  ) => void;
} {
  const { view } = useStores();
  const { detail } = useViewState();
  return {
    choice: parsePolicyChoice(detail),
    choose: (part, more = {}, options = {}) =>
      view.set(
        { ...more, detail: policyChoiceText({ ...parsePolicyChoice(view.state.detail), ...part }) },
        options,
      ),
  };
}
