import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { filterText } from '../../../ui/filter/filter-words.ts';
import { edgeWords, endWords, excludeWords, onlyWords } from '../../../ui/model/selection-words.ts';
import { ServiceMap } from '../../../ui/model/service-map.ts';
import { nodeOf } from '../../../ui/model/service-node.ts';
import { MEASURES } from '../../../proto/flow/aggregate/row-measures.ts';

const web = { cluster: 'east', workload: 'shop/web', name: '' };
const bank = { cluster: '', workload: '(world)', name: 'bank.example.com' };

describe('the words for what is selected', () => {
  it('name cluster, namespace and workload, or the pod', () => {
    assert.equal(
      filterText(endWords(nodeOf(web), 'from-')),
      '--from-cluster east --from-namespace shop --from-workload web',
    );
    const pod = nodeOf({ ...web, name: 'shop/web-1' });
    assert.equal(filterText(endWords(pod, '')), '--cluster east --pod shop/web-1');
  });

  it('name what is outside by DNS name or identity', () => {
    assert.equal(filterText(endWords(nodeOf(bank), 'to-')), '--to-fqdn bank.example.com');
    const anyone = nodeOf({ cluster: '', workload: '', name: '' });
    assert.equal(filterText(endWords(anyone, '')), '--identity world');
    const host = nodeOf({ cluster: '', workload: '(host)', name: '' });
    assert.equal(filterText(endWords(host, 'to-')), '--to-identity host');
  });

  it('narrow or hide, and leave other words alone', () => {
    const map = new ServiceMap();
    map.add({
      client: web,
      server: bank,
      port: '443',
      protocol: 'TCP',
      sums: new Float64Array(MEASURES),
      at: 0,
    });
    const [edge] = map.edges.values();
    assert.equal(edgeWords(edge).length, 4);
    const verdict = { flag: 'verdict', value: 'DROPPED', isNot: false };
    const only = onlyWords([verdict], map, `edge:${edge.id}`);
    assert.deepEqual(only[0], verdict);
    assert.equal(only.length, 5);
    const less = excludeWords([], map, `node:${edge.to.id}`);
    assert.equal(filterText(less), '--not --fqdn bank.example.com');
    assert.deepEqual(onlyWords([verdict], map, 'edge:gone'), [verdict]);
  });
});
