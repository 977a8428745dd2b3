import type { BpfMap } from '../kernel/bpf-map.ts';
import {
  type AggregationLevel,
  decodeSettings,
  encodeSettings,
  encodeU32,
  SETTING_MASQUERADE,
  SETTING_NO_REDIRECT,
  SETTING_POLICY,
} from './map-layout.ts';

export interface DatapathSettingsOptions {
  readonly aggregation: AggregationLevel;
  readonly aggregationIntervalMs: number;
  readonly captureBytes: number;
  readonly noRedirect: boolean;
  /** DNS messages that the node may tell, 0 = none; an endpoint may have a quarter of it. Default 0. */
  readonly dnsPerSecond?: number;
}

/** Denied packets that the node tells, a quarter of it of one endpoint: a flood of them shall not drown the rest. */
const DENIALS_PER_SECOND = 8192;

/** The programs' settings (map `settings`), as the agent's parts change them. */
export class DatapathSettings {
  private readonly map: Pick<BpfMap, 'lookup' | 'update'>;
  private readonly options: DatapathSettingsOptions;
  private policy: boolean;
  private masquerade: boolean;
  private epoch: number;

  /** Writes the options and takes over the rest: policies that are in force stay so, and so does masquerading. */
  constructor(map: Pick<BpfMap, 'lookup' | 'update'>, options: DatapathSettingsOptions) {
    this.map = map;
    this.options = options;
    const present = map.lookup(encodeU32(0));
    const { flags, identityEpoch } =
      present === null ? { flags: 0, identityEpoch: 0 } : decodeSettings(present);
    this.policy = (flags & SETTING_POLICY) !== 0;
    this.masquerade = (flags & SETTING_MASQUERADE) !== 0;
    this.epoch = identityEpoch;
    this.identitiesChanged();
  }

  /** Whether programs ask policies at all: from then on every endpoint needs one. */
  setPolicy(isEnforced: boolean): void {
    if (this.policy === isEnforced) return;
    this.policy = isEnforced;
    this.write();
  }

  /** Whether what pods send outside leaves with the node's address: map `masquerade` says which. */
  setMasquerade(isOn: boolean): void {
    if (this.masquerade === isOn) return;
    this.masquerade = isOn;
    this.write();
  }

  /** Has connections judged anew, because an address has become another identity's. To be called when the maps say so. */
  identitiesChanged(): void {
    this.epoch = (this.epoch + 1) >>> 0;
    this.write();
  }

  private write(): void {
    const { aggregation, aggregationIntervalMs, captureBytes, noRedirect, dnsPerSecond = 0 } = this.options;
    this.map.update(
      encodeU32(0),
      encodeSettings({
        aggregation,
        intervalSeconds: Math.max(1, Math.round(aggregationIntervalMs / 1000)),
        captureBytes,
        flags:
          (noRedirect ? SETTING_NO_REDIRECT : 0) |
          (this.policy ? SETTING_POLICY : 0) |
          (this.masquerade ? SETTING_MASQUERADE : 0),
        dnsPerSecond,
        identityEpoch: this.epoch,
        denialsPerSecond: DENIALS_PER_SECOND,
      }),
    );
  }
}
