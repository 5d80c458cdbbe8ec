import type { Client } from "@grpc/grpc-js";

import { nodeDns } from "../../certs/profile.ts";
import type { Member } from "../../topology/manifest.ts";
import type { Clock } from "../base/clock.ts";
import { asFailure } from "../base/failure.ts";
import { type PeerIdentity, chainOfCertificate, identifyPeer } from "../trust/peer-identity.ts";
import { openChannel } from "./channel.ts";
import { type TlsFiles, clientContext } from "./tls-files.ts";

export interface MemberChannelOrder {
  readonly domain: string;
  readonly tls: () => TlsFiles;
  readonly clock: Clock;
  /** Throws a Failure where this peer is not that member, by the directory in force. */
  readonly checkMember: (member: Member, identity: PeerIdentity) => void;
}

/**
 * A channel of its own to a member, for what is said now and then and is no question about a patient. Whoever opens it
 * closes it.
 *
 * @throws {Failure} `configuration`: the certificate and its key are not a pair.
 */
export function openMemberChannel(member: Member, answerBytesMax: number, order: MemberChannelOrder): Client {
  const { domain, tls, clock, checkMember } = order;
  return openChannel({
    ...{ endpoint: member.endpoints[0] ?? "", serverName: nodeDns(domain, member.id), clock, answerBytesMax },
    context: clientContext(tls()),
    checkServer(_host, certificate) {
      try {
        checkMember(member, identifyPeer(chainOfCertificate(certificate), domain));
        return undefined;
      } catch (thrown) {
        return asFailure(thrown);
      }
    },
  });
}
