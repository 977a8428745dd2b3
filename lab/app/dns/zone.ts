import { parseIp } from '../../../cluster/index.ts';
import { type DnsAnswer, type DnsQuery, RecordType, ResponseCode, textRecord } from './message.ts';

/** Short, so that clients ask often: the lab wants DNS traffic. */
const TTL_SECONDS = 10;

/** The answer made of a name's values, addresses and texts mixed; `values` undefined = there is no such name. */
export function answerFrom(query: DnsQuery, values: readonly string[] | undefined): DnsAnswer {
  if (values === undefined) return { code: ResponseCode.noSuchName, records: [], ttlSeconds: TTL_SECONDS };
  const records = values.flatMap((value) => {
    const address = parseIp(value);
    if (query.type === RecordType.A) return address?.length === 4 ? [address] : [];
    if (query.type === RecordType.AAAA) return address?.length === 16 ? [address] : [];
    return query.type === RecordType.TXT && address === null ? [textRecord(value)] : [];
  });
  return { code: ResponseCode.ok, records, ttlSeconds: TTL_SECONDS };
}
