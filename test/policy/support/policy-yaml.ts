/** Shapes of policy objects as YAML gives them, of the three kinds together. */

export interface SelectorYaml {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly {
    readonly key: string;
    readonly operator: string;
    readonly values?: readonly string[];
  }[];
}

export interface PortYaml {
  readonly port?: number | string;
  readonly endPort?: number;
  readonly protocol?: string;
}

export interface CidrYaml {
  readonly cidr: string;
  readonly except?: readonly string[];
}

export interface NetworkPolicyPeerYaml {
  readonly podSelector?: SelectorYaml;
  readonly namespaceSelector?: SelectorYaml;
  readonly ipBlock?: CidrYaml;
}

export interface ServiceYaml {
  readonly k8sService?: { readonly serviceName: string; readonly namespace?: string };
  readonly k8sServiceSelector?: { readonly selector: SelectorYaml; readonly namespace?: string };
}

/** What Cilium's kinds say about peers, without the `from` or `to` in front. */
export interface CiliumPeersYaml {
  readonly Endpoints?: readonly SelectorYaml[];
  readonly Entities?: readonly string[];
  readonly CIDR?: readonly string[];
  readonly CIDRSet?: readonly CidrYaml[];
  readonly Nodes?: readonly SelectorYaml[];
  readonly Services?: readonly ServiceYaml[];
}

type Prefixed<P extends string, T> = { readonly [K in keyof T & string as `${P}${K}`]?: T[K] };

export interface EntryYaml extends Prefixed<'from', CiliumPeersYaml>, Prefixed<'to', CiliumPeersYaml> {
  readonly from?: readonly NetworkPolicyPeerYaml[];
  readonly to?: readonly NetworkPolicyPeerYaml[];
  readonly ports?: readonly PortYaml[];
  readonly toPorts?: readonly { readonly ports?: readonly PortYaml[] }[];
  readonly icmps?: readonly {
    readonly fields?: readonly { readonly family?: string; readonly type: number | string }[];
  }[];
}

export interface SpecYaml {
  readonly podSelector?: SelectorYaml;
  readonly endpointSelector?: SelectorYaml;
  readonly nodeSelector?: SelectorYaml;
  readonly policyTypes?: readonly string[];
  readonly ingress?: readonly EntryYaml[];
  readonly ingressDeny?: readonly EntryYaml[];
  readonly egress?: readonly EntryYaml[];
  readonly egressDeny?: readonly EntryYaml[];
  readonly enableDefaultDeny?: { readonly ingress?: boolean; readonly egress?: boolean };
}

export interface PolicyYaml {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec?: SpecYaml;
  readonly specs?: readonly SpecYaml[];
}

/** The peers of an entry, whichever way it looks. */
export function peersOf(entry: EntryYaml, direction: 'ingress' | 'egress'): CiliumPeersYaml {
  const prefix = direction === 'ingress' ? 'from' : 'to';
  const peers = Object.entries(entry)
    .filter(([key]) => key.startsWith(prefix) && /^[A-Z]/.test(key.slice(prefix.length)) && key !== 'toPorts')
    .map(([key, value]) => [key.slice(prefix.length), value as unknown]);
  return Object.fromEntries(peers) as CiliumPeersYaml;
}
