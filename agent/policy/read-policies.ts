import type { PolicyReader, SourceProblem } from '../../cluster/index.ts';
import { parsePolicyDocuments, type PolicyProblem } from '../../policy/index.ts';

/** Reads the policies of manifest files for a source of cluster state; what it yields as policies are `Policy` objects. */
export const readPolicies: PolicyReader = (documents, file) => {
  const { policies, problems, notes } = parsePolicyDocuments(documents, file);
  return { policies, problems: problems.map(sourceProblem), notes: notes.map(sourceProblem) };
};

function sourceProblem({ file, line, column, object, message }: PolicyProblem): SourceProblem {
  return { where: `${file}:${line}:${column}`, message: object === '' ? message : `${object} ${message}` };
}
