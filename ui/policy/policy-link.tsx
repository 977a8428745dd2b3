import type { ReactElement, ReactNode } from 'react';
import { useStores, useViewState } from '../app/stores.ts';
import type { ViewState } from '../store/view-state.ts';

/** A link that changes the view in place, and can be opened elsewhere like any other. */
function ViewLink({
  to,
  className,
  title,
  children,
}: {
  readonly to: Partial<ViewState>;
  readonly className: string;
  readonly title?: string;
  readonly children: ReactNode;
}): ReactElement {
  const { view } = useStores();
  const state = useViewState();
  return (
    <a
      className={className}
      title={title}
      href={view.urlOf({ ...state, ...to })}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        view.set(to);
      }}
    >
      {children}
    </a>
  );
}

/**
 * Leads to the page of a policy.
 * @param policy `kind/namespace/name` as flows call it; `kind/name` where it is cluster-wide
 */
export function PolicyLink({
  policy,
  title,
  children,
}: {
  readonly policy: string;
  readonly title?: string;
  readonly children: ReactNode;
}): ReactElement {
  const to = { view: 'policies', selection: `policy:${policy}`, detail: '' } as const;
  return (
    <ViewLink to={to} className="policy-link" {...(title !== undefined && { title })}>
      {children}
    </ViewLink>
  );
}

/** Leads to the draft of the rule that an edge of the map lacks. */
export function DraftLink({ edge }: { readonly edge: string }): ReactElement {
  const to = { view: 'policies', selection: `edge:${edge}`, detail: '' } as const;
  return (
    <ViewLink to={to} className="button is-accent">
      Draft the missing rule
    </ViewLink>
  );
}
