import type { NamedRule, PolicyTrace, TracedVerdict } from '../../policy/index.ts';

/** What a trace found, for people. */
export function traceText(
  from: string,
  to: string,
  protocol: string,
  port: number,
  trace: PolicyTrace,
): string {
  const what = protocol.startsWith('icmp') ? `${protocol} type ${port}` : `${protocol}/${port}`;
  const lines = [
    `${from} -> ${to} ${what}: ${trace.verdict === 'allow' ? 'ALLOWED' : 'DENIED'}`,
    ...endLines(`egress of ${from}`, trace.egress),
    ...endLines(`ingress of ${to}`, trace.ingress),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function endLines(title: string, found: TracedVerdict | null): string[] {
  if (found === null) return [`  ${title}: no policy is enforced there`];
  if (!found.isPoliced) return [`  ${title}: allowed, no policy selects it`];
  const verdict = { allow: 'allowed', deny: 'denied', 'default-deny': 'denied, no rule allows it' }[
    found.verdict
  ];
  const match = found.matchType === 'none' ? '' : ` (${found.matchType})`;
  return [`  ${title}: ${verdict}${match}`, ...found.rules.map((rule) => `    ${ruleText(rule)}`)];
}

function ruleText({ kind, namespace, name, path, labels }: NamedRule): string {
  if (kind === '') return impliedText(labels.join(',').replace(DERIVED, ''));
  return `${kind} ${namespace === '' ? name : `${namespace}/${name}`} ${path}`;
}

const DERIVED = 'reserved:io.cilium.policy.derived-from=';
const impliedTexts: Readonly<Record<string, string>> = {
  'allow-localhost-ingress': 'no rule: a node reaches its pods unless one denies it',
  'allow-any-ingress': 'no rule: default deny is off in all policies that select it',
  'allow-any-egress': 'no rule: default deny is off in all policies that select it',
};

/** What says so where no policy does, in words. @param origin such as `allow-any-egress` */
export function impliedText(origin: string): string {
  return impliedTexts[origin] ?? origin;
}

/** The same for programs. */
export function traceJson(
  from: string,
  to: string,
  protocol: string,
  port: number,
  trace: PolicyTrace,
): string {
  const end = (found: TracedVerdict | null): object | null =>
    found && {
      verdict: found.verdict,
      isPoliced: found.isPoliced,
      matchType: found.matchType,
      rules: found.rules.map(({ kind, namespace, name, path, labels }) => ({
        kind,
        namespace,
        name,
        path,
        labels,
      })),
    };
  const { verdict, egress, ingress } = trace;
  return `${JSON.stringify({ from, to, protocol, port, verdict, egress: end(egress), ingress: end(ingress) }, null, 2)}\n`;
}
