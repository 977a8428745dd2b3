/** A process that claims identities as an agent does: label sets come as JSON in the second argument, numbers go to stdout. */
import { claimIdentity } from '../../../cluster/directory/claim-identity.ts';

const [dir, sets] = process.argv.slice(2);
const numbers = (JSON.parse(sets) as string[][]).map((labels) => claimIdentity(dir, 3, labels, () => false));
process.stdout.write(JSON.stringify(numbers));
