import type { Member } from "../../topology/manifest.ts";
import { Failure } from "../base/failure.ts";
import type { Directory } from "./directory.ts";
import { type PeerIdentity, authorisePeer } from "./peer-identity.ts";

/**
 * The other end of an own connection must be that very member: its identity, its authority, live and in date now.
 *
 * @throws {Failure} as {@link authorisePeer}; `not-authenticated` where it is somebody else.
 */
export function checkMember(
  member: Member,
  identity: PeerIdentity,
  directory: Pick<Directory, "inForce" | "member">,
): void {
  const peer = authorisePeer(identity, directory, member.id);
  if (peer.kind === "node" && peer.member.id === member.id) return;
  throw new Failure("not-authenticated", `The other end is not ${member.id}, whom the directory has there.`);
}
