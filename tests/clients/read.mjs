// Reads DORA metrics with @gitbeaker/rest: a question as JSON on stdin, its answer on stdout.
import { readFileSync } from 'node:fs';
import { GroupDORA4Metrics, ProjectDORA4Metrics } from '@gitbeaker/rest';

const { kind, id, metric, options, ...connection } = JSON.parse(readFileSync(0, 'utf8'));
const Resource = kind === 'group' ? GroupDORA4Metrics : ProjectDORA4Metrics;

try {
  const answer = await new Resource(connection).all(id, metric, options);
  console.log(JSON.stringify({ answer }));
} catch (error) {
  if (error.name !== 'GitbeakerRequestError') throw error;
  const { description, response } = error.cause;
  console.log(JSON.stringify({ refusal: description, status: response.status }));
}
