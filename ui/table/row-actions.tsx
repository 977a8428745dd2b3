import type { ReactElement } from 'react';
import type { GetFlowsResponse } from '../../proto/gen/observer/observer_pb.ts';
import { CopyButton } from '../app/copy-button.tsx';
import { serverAddress } from '../app/server-address.ts';
import { draftPolicy } from './policy-draft.ts';
import { flowCommand, responseJson } from './row-texts.ts';

/** What can be copied of a flow: itself as JSON, the command that shows it, and the rule that would allow it. */
export function RowActions({
  response,
  top,
}: {
  readonly response: GetFlowsResponse | undefined;
  readonly top: number;
}): ReactElement | null {
  const content = response?.responseTypes;
  if (response === undefined || content?.case !== 'flow') return null;
  return (
    <div className="row-actions" style={{ transform: `translateY(${top}px)` }}>
      <CopyActions response={response} className="row-action" />
    </div>
  );
}

/** The same as buttons wherever a flow is shown. */
export function CopyActions({
  response,
  className,
}: {
  readonly response: GetFlowsResponse;
  readonly className: string;
}): ReactElement | null {
  if (response.responseTypes.case !== 'flow') return null;
  const flow = response.responseTypes.value;
  const policy = draftPolicy(flow);
  return (
    <>
      <CopyButton className={className} title="Copy the flow as JSON" text={() => responseJson(response)}>
        JSON
      </CopyButton>
      <CopyButton
        className={className}
        title="Copy the command that shows this flow"
        text={() => flowCommand(flow, serverAddress())}
      >
        CLI
      </CopyButton>
      {policy !== null && (
        <CopyButton
          className={className}
          title="Copy a policy that would allow this connection"
          text={() => policy}
        >
          Rule
        </CopyButton>
      )}
    </>
  );
}
