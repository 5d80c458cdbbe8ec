import type { X509Certificate } from "node:crypto";

import { type CallerRights, readCallerRights } from "./caller-rights.ts";
import { type PermittedNames, readPermittedNames } from "./extensions.ts";
import { keyFingerprint } from "./fingerprint.ts";
import { type AlternativeNames, readAlternativeNames } from "./identity.ts";

const DAY_MS = 86_400_000;

/** What a certificate says of itself. Nothing here has been verified. */
export interface CertificateFacts {
  readonly subject: string;
  readonly issuer: string;
  readonly serial: string;
  readonly authority: boolean;
  /** Absent where a name could be misread. */
  readonly names: AlternativeNames | undefined;
  /** ISO 8601 instants. */
  readonly validFrom: string;
  readonly validTo: string;
  /** Whole days until it expires; negative when it has. */
  readonly daysLeft: number;
  /** SHA-256 of the public key, lower-case hex: for an authority, what a manifest calls `issuingCa`. */
  readonly keySha256: string;
  readonly permittedNames: PermittedNames | undefined;
  readonly rights: CallerRights | undefined;
}

/** @param nowMs the moment that days are counted from, milliseconds since the epoch. */
export function inspectCertificate(certificate: X509Certificate, nowMs: number): CertificateFacts {
  const validTo = certificate.validToDate;
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    serial: certificate.serialNumber.toLowerCase(),
    authority: certificate.ca,
    names: readAlternativeNames(certificate),
    validFrom: certificate.validFromDate.toISOString(),
    validTo: validTo.toISOString(),
    daysLeft: Math.floor((validTo.getTime() - nowMs) / DAY_MS),
    keySha256: keyFingerprint(certificate.publicKey),
    permittedNames: readPermittedNames(certificate.raw),
    rights: readCallerRights(certificate.raw),
  };
}

/** A distinguished name on one line, safe for a terminal and a log whatever somebody has put into it. */
export function oneLine(name: string | undefined): string {
  const line = (name ?? "").replaceAll("\n", ", ");
  return line.replaceAll(/[^\x20-\x7e]/g, "?").slice(0, 200);
}

/** The facts as lines for a terminal. */
export function describeCertificate(facts: CertificateFacts): string[] {
  return [
    row("subject", facts.subject),
    ...(facts.names === undefined
      ? [row("names", "unreadable")]
      : [
          ...facts.names.uris.map((uri) => row("identity", uri)),
          ...facts.names.dns.map((name) => row("DNS name", name)),
          ...facts.names.others.map((name) => row("other name", oneLine(name))),
        ]),
    row("issuer", facts.issuer),
    row("serial", facts.serial),
    row("valid", `${facts.validFrom} to ${facts.validTo} (${remaining(facts.daysLeft)})`),
    row("key SHA-256", facts.keySha256),
    ...(facts.authority ? [row("authority", permits(facts.permittedNames))] : []),
    ...(facts.rights === undefined ? [] : describeRights(facts.rights)),
  ];
}

function describeRights({ roles, settings, organisations, feed, operate, review, sandbox }: CallerRights): string[] {
  const powers = [
    feed && "load data",
    operate && "operate the node",
    review === true && "review who is whom",
    sandbox && "claim anything at a sandbox node",
  ];
  return [
    row("roles", list(roles)),
    row("settings", list(settings)),
    row("organisations", list(organisations)),
    row("may also", list(powers.filter((power) => power !== false))),
  ];
}

/** How long something still holds at a moment, in whole days, in words. */
export function daysText(endMs: number, nowMs: number): string {
  return remaining(Math.floor((endMs - nowMs) / DAY_MS));
}

function remaining(days: number): string {
  return days < 0 ? `expired ${-days} days ago` : `${days} days left`;
}

function permits(names: PermittedNames | undefined): string {
  return names === undefined ? "for any name" : `for DNS names in ${list(names.dns)}, URIs at ${list(names.uriHosts)}`;
}

function list(values: readonly string[]): string {
  return values.length === 0 ? "none" : values.join(", ");
}

function row(label: string, value: string): string {
  return `${label.padEnd(14)} ${value}`;
}
