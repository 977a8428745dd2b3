import { describe, it } from 'node:test';
import { type Answer, assertAnswers, type FlowInit } from '../../../support/match-flow.ts';

type Place = { readonly namespace?: string; readonly name?: string };

/** Answers for pods and for services, at both ends: the rules are the same. */
function named(value: string, { namespace = '', name = '' }: Place, answer: boolean): Answer[] {
  const pod = { namespace, podName: name };
  return [
    [{ sourcePod: [value] }, { source: pod }, answer],
    [{ destinationPod: [value] }, { destination: pod }, answer],
    [{ sourceService: [value] }, { sourceService: { namespace, name } }, answer],
    [{ destinationService: [value] }, { destinationService: { namespace, name } }, answer],
  ];
}

/** The same question at the source and at the destination. */
function ends(
  fields: readonly [string, string],
  values: readonly unknown[],
  endpoint: object | undefined,
  answer: boolean,
): Answer[] {
  return (['source', 'destination'] as const).map((side, i): Answer => [
    { [fields[i]]: values },
    (endpoint === undefined ? {} : { [side]: endpoint }) as FlowInit,
    answer,
  ]);
}

describe('fields about endpoints', () => {
  it('pods and services: a namespace as it is, a name by its beginning', () => {
    assertAnswers([
      ...named('web', { namespace: 'default', name: 'web-1' }, true),
      ...named('web', { namespace: 'shop', name: 'web-1' }, false),
      ...named('web', { name: 'web-1' }, false),
      ...named('shop/web', { namespace: 'shop', name: 'web' }, true),
      ...named('shop/web', { namespace: 'shop', name: 'we' }, false),
      ...named('shop/web', { namespace: 'shopping', name: 'web' }, false),
      ...named('shop/', { namespace: 'shop', name: 'web' }, true),
      ...named('shop/', { namespace: 'shop' }, true),
      ...named('shop/', { namespace: 'sho' }, false),
      ...named('/web', { namespace: 'any', name: 'web-1' }, true),
      ...named('/web', { name: 'web-1' }, true),
      ...named('/web', { namespace: 'web', name: 'x' }, false),
      ...named('/', { namespace: 'shop' }, true),
      ...named('/', { name: 'web' }, true),
      ...named('/', {}, false),
      ...named('shop/web/ignored', { namespace: 'shop', name: 'web' }, true),
      ...named('shop/web/ignored', { namespace: 'shop', name: 'weber' }, true),
      ...named('//x', { namespace: 'shop', name: 'web' }, true),
      ...named('Web', { namespace: 'default', name: 'web' }, false),
      [{ sourcePod: ['/'] }, {}, false],
      [{ sourcePod: ['a/', 'shop/'] }, { source: { namespace: 'shop' } }, true],
      // Both ends have to fit.
      [
        { sourcePod: ['a/'], destinationPod: ['b/'] },
        { source: { namespace: 'a' }, destination: { namespace: 'b' } },
        true,
      ],
      [{ sourcePod: ['a/'], destinationPod: ['b/'] }, { source: { namespace: 'a' } }, false],
    ]);
  });

  it('workloads: any of them, by kind and name as they are', () => {
    const fields = ['sourceWorkload', 'destinationWorkload'] as const;
    const endpoint = {
      workloads: [
        { name: 'cart', kind: 'ReplicaSet' },
        { name: 'cart', kind: 'Deployment' },
      ],
    };
    assertAnswers([
      ...ends(fields, [{ name: 'cart' }], endpoint, true),
      ...ends(fields, [{ name: 'car' }], endpoint, false),
      ...ends(fields, [{ kind: 'Deployment' }], endpoint, true),
      ...ends(fields, [{ kind: 'deployment' }], endpoint, false),
      ...ends(fields, [{ name: 'cart', kind: 'Deployment' }], endpoint, true),
      ...ends(fields, [{ name: 'cart', kind: 'Pod' }], endpoint, false),
      ...ends(fields, [{ name: 'x' }, { kind: 'ReplicaSet' }], endpoint, true),
      ...ends(fields, [{}], endpoint, true),
      ...ends(fields, [{}], {}, false),
      ...ends(fields, [{}], undefined, false),
    ]);
  });

  it('identities: 0 is one, but there must be an endpoint', () => {
    const fields = ['sourceIdentity', 'destinationIdentity'] as const;
    assertAnswers([
      ...ends(fields, [5001], { identity: 5001 }, true),
      ...ends(fields, [2], { identity: 5001 }, false),
      ...ends(fields, [2, 5001], { identity: 5001 }, true),
      ...ends(fields, [4_294_967_295], { identity: 4_294_967_295 }, true),
      ...ends(fields, [0], {}, true),
      ...ends(fields, [0], undefined, false),
    ]);
  });

  it('cluster names: as they are, without patterns', () => {
    const fields = ['sourceClusterName', 'destinationClusterName'] as const;
    assertAnswers([
      ...ends(fields, ['east'], { clusterName: 'east' }, true),
      ...ends(fields, ['eas'], { clusterName: 'east' }, false),
      ...ends(fields, ['e*'], { clusterName: 'east' }, false),
      ...ends(fields, ['West'], { clusterName: 'west' }, false),
      ...ends(fields, ['east'], {}, false),
      ...ends(fields, ['east'], undefined, false),
    ]);
  });

  it('labels and node labels: a missing endpoint is one without labels', () => {
    const fields = ['sourceLabel', 'destinationLabel'] as const;
    assertAnswers([
      ...ends(fields, ['app=web'], { labels: ['k8s:app=web'] }, true),
      ...ends(fields, ['app in (web,api),!canary'], { labels: ['k8s:app=web'] }, true),
      ...ends(fields, ['app=x', 'app'], { labels: ['k8s:app=web'] }, true),
      ...ends(fields, ['!app'], undefined, true),
      ...ends(fields, [''], undefined, true),
      ...ends(fields, ['app'], undefined, false),
      [{ nodeLabels: ['os=linux'] }, { nodeLabels: ['os=linux'] }, true],
      [{ nodeLabels: ['k8s:os=linux'] }, { nodeLabels: ['os=linux'] }, false],
      [{ nodeLabels: ['any:os'] }, { nodeLabels: ['os=linux'] }, true],
      [{ nodeLabels: ['!os'] }, {}, true],
      [{ nodeLabels: ['topology.io/zone=a'] }, { nodeLabels: ['topology.io/zone=a'] }, true],
    ]);
  });

  it('DNS names: a pattern for the whole of any of them', () => {
    const name = (value: string, names: string[], answer: boolean): Answer[] => [
      [{ sourceFqdn: [value] }, { sourceNames: names }, answer],
      [{ destinationFqdn: [value] }, { destinationNames: names }, answer],
    ];
    assertAnswers([
      ...name('example.org', ['example.org'], true),
      ...name('example.org', ['api.example.org'], false),
      ...name('example.org.', ['example.org'], true),
      ...name('*.example.org', ['api.example.org'], true),
      ...name('*.example.org', ['a.b.example.org'], true),
      ...name('*.example.org', ['example.org'], false),
      ...name('*', [''], true),
      ...name('*', [], false),
      ...name('*.org', ['a_b.org'], false),
      ...name('a_*.org', ['a_b.org'], true),
      ...name('EXAMPLE.org', ['example.org'], true),
      ...name('example.org', ['EXAMPLE.org'], false),
      ...name('example.org', ['x', 'example.org'], true),
      ...name('a.c', ['abc'], false),
      [{ sourceFqdn: ['x', '*.org'] }, { sourceNames: ['a.org'] }, true],
      [{ sourceFqdn: ['*'] }, { destinationNames: ['a.org'] }, false],
    ]);
  });

  it('node names: a cluster, a node, or both', () => {
    const node = (value: string, nodeName: string, answer: boolean): Answer => [
      { nodeName: [value] },
      { nodeName },
      answer,
    ];
    assertAnswers([
      node('n1', 'n1', true),
      node('n1', 'east/n1', true),
      node('n*', 'east/n1', true),
      node('default/n1', 'n1', true),
      node('default/', 'n1', true),
      node('east/', 'east/n1', true),
      node('east/', 'n1', false),
      node('e*/n1', 'east/n1', true),
      node('/n1', 'east/n1', true),
      node('/', 'east/n1', true),
      node('/', 'n_1.x-y', true),
      node('/', 'n..1', false),
      node('/', 'East/n1', false),
      node('*', '', false),
      node('/', '', false),
      node('N1', 'n1', true),
      node('n1.', 'n1', true),
    ]);
  });

  it('addresses: single ones as text, ranges by number and family', () => {
    const ip = (value: string, address: string, answer: boolean): Answer[] => [
      [{ sourceIp: [value] }, { IP: { source: address } }, answer],
      [{ destinationIp: [value] }, { IP: { destination: address } }, answer],
      [{ sourceIpXlated: [value] }, { IP: { sourceXlated: address } }, answer],
    ];
    assertAnswers([
      ...ip('10.1.2.3', '10.1.2.3', true),
      ...ip('10.1.2.3', '10.1.2.30', false),
      ...ip('10.0.0.0/8', '10.1.2.3', true),
      ...ip('10.9.9.9/8', '10.1.2.3', true),
      ...ip('10.0.0.0/8', '11.0.0.1', false),
      ...ip('10.1.2.3/32', '10.1.2.3', true),
      ...ip('10.1.2.2/31', '10.1.2.4', false),
      ...ip('0.0.0.0/0', '255.255.255.255', true),
      ...ip('0.0.0.0/0', '::1', false),
      ...ip('0.0.0.0/0', '::ffff:10.1.2.3', false),
      ...ip('::/0', '10.1.2.3', false),
      ...ip('::/0', '::ffff:10.1.2.3', true),
      ...ip('::ffff:0:0/96', '::ffff:10.1.2.3', true),
      ...ip('2001:db8::/33', '2001:db8:7fff::1', true),
      ...ip('2001:db8::/33', '2001:db8:8000::1', false),
      ...ip('fd00::1/128', 'fd00::1', true),
      ...ip('2001:db8::1', '2001:db8::1', true),
      ...ip('2001:DB8::1', '2001:db8::1', false),
      ...ip('2001:db8:0::1', '2001:db8::1', false),
      ...ip('fe80::1%eth0', 'fe80::1%eth0', true),
      ...ip('fe80::/10', 'fe80::1%eth0', false),
      ...ip('::/0', '', false),
      ...ip('::/0', 'rubbish', false),
      [{ sourceIp: ['::/0', '0.0.0.0/0'] }, {}, false],
      [{ sourceIp: ['192.168.0.0/16', '10.1.2.3'] }, { IP: { source: '10.1.2.3' } }, true],
      [{ sourceIp: ['10.0.0.0/8'] }, { IP: { destination: '10.1.2.3' } }, false],
    ]);
  });
});
