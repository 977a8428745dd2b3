import assert from 'node:assert/strict';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { noBrowser } from './support/browser.ts';
import { labIsLacking } from './support/lab-harness.ts';
import { openPage, setScene } from './support/ui-scene.ts';

describe('the policy view in Chromium', () => {
  it(
    'leads from a denied edge to the missing rule, and shows what a policy’s rules decided and how it changed',
    { skip: labIsLacking() ?? noBrowser, timeout: 580_000 },
    async (t) => {
      const scene = await setScene(t, 1);

      // From the denied edge on the map to the rule that it lacks.
      const edge = 'edge:east/clients/traveller>east/travel/frontend';
      const page = await openPage(scene, `${scene.origin}/map?sel=${encodeURIComponent(edge)}`);
      await page.getByRole('link', { name: 'Draft the missing rule' }).click();
      const panel = page.getByRole('complementary', { name: 'The missing rule' });
      await panel.getByText('no rule matches → egress default deny').waitFor();
      const draft = panel.getByRole('region', { name: 'Draft for egress' });
      await draft.getByText('✓ compiles, and allows this connection').waitFor();
      assert.match(await draft.locator('pre').innerText(), /kind: CiliumNetworkPolicy[^]*port: "8443"/);
      await draft.getByRole('radio', { name: 'NetworkPolicy', exact: true }).click();
      await draft.getByText('kind: NetworkPolicy').waitFor();
      await page.keyboard.press('Escape');
      await panel.waitFor({ state: 'detached' });

      // The list finds a policy; its page has traffic beside its rule, and what it denied by default.
      await page.getByRole('searchbox', { name: /Find policies/ }).fill('travellers east');
      await page
        .getByRole('grid', { name: /Policies/ })
        .getByText('travellers')
        .click();
      const manifest = page.getByRole('table', { name: 'Manifest' });
      await manifest.getByText(/[\d.]+k? · \d+ (s|min) ago/).waitFor();
      const rest = manifest.getByRole('row', { name: /everything else: default deny \(egress\)/ });
      await rest.getByText(/\d denied/).waitFor();
      const talk = page.getByRole('region', { name: 'Conversations' });
      await talk
        .getByRole('row', { name: /traveller.*frontend.*8443\/TCP.*no egress rule matches/ })
        .waitFor();
      assert.match(decodeURIComponent(page.url()), /sel=policy:CiliumNetworkPolicy\/clients\/travellers/);

      // A change of its file is a revision, which is compared with the one before.
      const file = join(scene.lab.paths.runDir, 'east/manifests/policies.yaml');
      const text = readFileSync(file, 'utf8');
      const at = text.indexOf('port: "8080"', text.indexOf('name: travellers'));
      assert.ok(at > 0, 'the policy of travellers has port 8080');
      const next = `${text.slice(0, at)}port: "8090"${text.slice(at + 'port: "8080"'.length)}`;
      writeFileSync(`${file}.next`, next);
      renameSync(`${file}.next`, file);
      await page.getByRole('button', { name: /^Compare \d+ ↔ \d+$/ }).click();
      await manifest.getByRole('row', { name: /gone: .*8080/ }).waitFor();
      await manifest.getByRole('row', { name: /came: .*8090/ }).waitFor();
      assert.match(decodeURIComponent(decodeURIComponent(page.url())), /rev=\d+\.\.\d+/);
      assert.deepEqual(scene.complaints, []);
    },
  );
});
