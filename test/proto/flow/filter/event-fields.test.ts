import { describe, it } from 'node:test';
import { DropReason, IPVersion, TrafficDirection, Verdict } from '../../../../proto/gen/flow/flow_pb.ts';
import { assertAnswers } from '../../../support/match-flow.ts';

describe('fields about the event', () => {
  it('uuid: the same text, no more', () => {
    assertAnswers([
      [{ uuid: ['u-1'] }, { uuid: 'u-1' }, true],
      [{ uuid: ['x', 'u-1'] }, { uuid: 'u-1' }, true],
      [{ uuid: ['u'] }, { uuid: 'u-1' }, false],
      [{ uuid: ['U-1'] }, { uuid: 'u-1' }, false],
      [{ uuid: [''] }, {}, true],
      [{ uuid: [''] }, { uuid: 'u-1' }, false],
    ]);
  });

  it('verdict: the same number, 0 being a verdict that is not known', () => {
    assertAnswers([
      [{ verdict: [Verdict.DROPPED] }, { verdict: Verdict.DROPPED }, true],
      [{ verdict: [Verdict.DROPPED] }, { verdict: Verdict.FORWARDED }, false],
      [{ verdict: [Verdict.DROPPED, Verdict.AUDIT] }, { verdict: Verdict.AUDIT }, true],
      [{ verdict: [Verdict.VERDICT_UNKNOWN] }, {}, true],
      [{ verdict: [Verdict.VERDICT_UNKNOWN] }, { verdict: Verdict.ERROR }, false],
      [{ verdict: [77 as Verdict] }, { verdict: 77 as Verdict }, true],
    ]);
  });

  it('drop_reason_desc: of drops only', () => {
    const reason = DropReason.POLICY_DENIED;
    assertAnswers([
      [{ dropReasonDesc: [reason] }, { verdict: Verdict.DROPPED, dropReasonDesc: reason }, true],
      [{ dropReasonDesc: [reason] }, { verdict: Verdict.FORWARDED, dropReasonDesc: reason }, false],
      [{ dropReasonDesc: [reason] }, { verdict: Verdict.DROPPED }, false],
      [{ dropReasonDesc: [DropReason.DROP_REASON_UNKNOWN] }, { verdict: Verdict.DROPPED }, true],
      [{ dropReasonDesc: [DropReason.DROP_REASON_UNKNOWN] }, {}, false],
    ]);
  });

  it('event_type: type 0 is any type, a sub-type counts when it is asked for', () => {
    const trace = { eventType: { type: 4, subType: 3 } };
    assertAnswers([
      [{ eventType: [{ type: 4 }] }, trace, true],
      [{ eventType: [{ type: 1 }] }, trace, false],
      [{ eventType: [{ type: 1 }, { type: 4 }] }, trace, true],
      [{ eventType: [{ type: 4, subType: 1 }] }, trace, true],
      [{ eventType: [{ type: 4, subType: 1, matchSubType: true }] }, trace, false],
      [{ eventType: [{ type: 4, subType: 3, matchSubType: true }] }, trace, true],
      [{ eventType: [{ type: 4, matchSubType: true }] }, { eventType: { type: 4 } }, true],
      // The sub-type of a trace is the datapath's point of observation, not the one of the API.
      [{ eventType: [{ type: 4, subType: 101, matchSubType: true }] }, { eventType: { type: 4 } }, false],
      [{ eventType: [{}] }, trace, true],
      [{ eventType: [{}] }, { eventType: {} }, true],
      [{ eventType: [{}] }, {}, false],
      [{ eventType: [{ subType: 3, matchSubType: true }] }, trace, true],
      [{ eventType: [{ subType: 3, matchSubType: true }] }, { eventType: { type: 1, subType: 3 } }, true],
      [{ eventType: [{ type: -1 }] }, { eventType: { type: -1 } }, true],
    ]);
  });

  it('traffic_direction: the same, 0 being one that is not known', () => {
    const { EGRESS, INGRESS, TRAFFIC_DIRECTION_UNKNOWN } = TrafficDirection;
    assertAnswers([
      [{ trafficDirection: [INGRESS] }, { trafficDirection: INGRESS }, true],
      [{ trafficDirection: [INGRESS] }, { trafficDirection: EGRESS }, false],
      [{ trafficDirection: [INGRESS, EGRESS] }, {}, false],
      [{ trafficDirection: [TRAFFIC_DIRECTION_UNKNOWN] }, {}, true],
    ]);
  });

  it('reply: a drop of unknown direction counts as none', () => {
    const dropped = { verdict: Verdict.DROPPED };
    assertAnswers([
      [{ reply: [true] }, { isReply: true }, true],
      [{ reply: [true] }, { isReply: false }, false],
      [{ reply: [false] }, { isReply: false }, true],
      [{ reply: [false] }, { isReply: true }, false],
      [{ reply: [false] }, {}, false],
      [{ reply: [true, false] }, {}, false],
      [{ reply: [true, false] }, { isReply: true }, true],
      [{ reply: [false] }, dropped, true],
      [{ reply: [true] }, dropped, false],
      [{ reply: [true, false] }, dropped, true],
      [{ reply: [true] }, { ...dropped, isReply: true }, true],
      [{ reply: [false] }, { ...dropped, isReply: true }, false],
      // The old field says nothing.
      [{ reply: [true] }, { reply: true }, false],
    ]);
  });

  it('encrypted: a flow without IP is not', () => {
    assertAnswers([
      [{ encrypted: [true] }, { IP: { encrypted: true } }, true],
      [{ encrypted: [false] }, { IP: { encrypted: true } }, false],
      [{ encrypted: [true] }, { IP: {} }, false],
      [{ encrypted: [false] }, {}, true],
      [{ encrypted: [true, false] }, { IP: { encrypted: true } }, true],
    ]);
  });

  it('ip_version: 0 is no IP layer', () => {
    const { IPv4, IPv6, IP_NOT_USED } = IPVersion;
    assertAnswers([
      [{ ipVersion: [IPv4] }, { IP: { ipVersion: IPv4 } }, true],
      [{ ipVersion: [IPv6] }, { IP: { ipVersion: IPv4 } }, false],
      [{ ipVersion: [IPv4, IPv6] }, { IP: { ipVersion: IPv6 } }, true],
      [{ ipVersion: [IPv4, IPv6] }, {}, false],
      [{ ipVersion: [IP_NOT_USED] }, {}, true],
      [{ ipVersion: [IP_NOT_USED] }, { IP: { source: '10.0.0.1' } }, true],
    ]);
  });

  it('interface: what an entry leaves out, any interface has, but there must be one', () => {
    const eth0 = { interface: { index: 2, name: 'eth0' } };
    assertAnswers([
      [{ interface: [{ name: 'eth0' }] }, eth0, true],
      [{ interface: [{ name: 'eth' }] }, eth0, false],
      [{ interface: [{ index: 2 }] }, eth0, true],
      [{ interface: [{ index: 3 }] }, eth0, false],
      [{ interface: [{ index: 2, name: 'eth0' }] }, eth0, true],
      [{ interface: [{ index: 3, name: 'eth0' }] }, eth0, false],
      [{ interface: [{ index: 3 }, { name: 'eth0' }] }, eth0, true],
      [{ interface: [{}] }, eth0, true],
      [{ interface: [{}] }, { interface: {} }, true],
      [{ interface: [{}] }, {}, false],
      [{ interface: [{ name: 'eth0' }] }, {}, false],
    ]);
  });

  it('trace_id and ip_trace_id: empty and 0 are flows without one', () => {
    const traced = { traceContext: { parent: { traceId: '4bf92f35' } }, ipTraceId: { traceId: 2n ** 63n } };
    assertAnswers([
      [{ traceId: ['4bf92f35'] }, traced, true],
      [{ traceId: ['4BF92F35'] }, traced, false],
      [{ traceId: ['4bf9'] }, traced, false],
      [{ traceId: ['4bf92f35'] }, {}, false],
      [{ traceId: [''] }, {}, true],
      [{ traceId: [''] }, { traceContext: {} }, true],
      [{ traceId: [''] }, traced, false],
      [{ ipTraceId: [2n ** 63n] }, traced, true],
      [{ ipTraceId: [2n ** 63n + 1n] }, traced, false],
      [{ ipTraceId: [0n] }, {}, true],
      [{ ipTraceId: [0n] }, { ipTraceId: {} }, true],
      [{ ipTraceId: [0n] }, traced, false],
      [{ ipTraceId: [1n, 2n ** 63n] }, traced, true],
    ]);
  });
});
