import assert from "node:assert/strict";

import { differencesOf, needsApprovalSince } from "./manifest-differences.ts";
import type { Manifest, Member } from "./manifest.ts";

const member = (id: string, changes: Partial<Member> = {}): Member => ({
  ...{ id, collaborative: "care", region: "West Midlands", endpoints: [`${id}.example:443`] },
  ...{
    ics: [{ code: "QHL", name: "Here", from: "2022-07-01" }],
    issuingCa: "a".repeat(64),
    assertionKey: "A".repeat(43),
  },
  ...{ population: 1_000_000, ages: { from: 0 }, status: "live" as const },
  coverageContact: { name: "Desk", phone: "01632 960001", hours: "24 hours" },
  ...changes,
});

const manifest = (changes: Partial<Manifest> = {}): Manifest => ({
  ...{ format: 1, network: { name: "N", domain: "n.example", authority: "A" }, sequence: 1, routing: "ask-all" },
  ...{ issuedAt: "2026-11-23T03:00:00Z", members: [member("wm-a"), member("wm-b")], icsWithoutNode: [] },
  agreements: [
    {
      ...{ id: "care", title: "Care", members: ["wm-a", "wm-b"], controllers: [], processors: [], dpo: "D" },
      ...{ lawfulBasis: "L", dpia: "P", purposes: ["TREAT"], recordTypes: ["all"], roleGroups: ["all"] },
      ...{ consentModel: "implied", adultsOnly: false, demographicQuestions: false, reviewDate: "2027-01-01" },
    },
  ],
  ...changes,
});

describe("what a newer manifest changes", () => {
  it("is nothing where only sequence and time have", () => {
    assert.deepEqual(differencesOf(manifest(), manifest({ sequence: 2, issuedAt: "2026-11-24T03:00:00Z" })), []);
  });

  it("is told member by member and agreement by agreement", () => {
    const before = manifest();
    const after = manifest({
      members: [member("wm-a", { endpoints: ["other:443"], status: "suspended" }), member("wm-c")],
      agreements: [{ ...before.agreements[0]!, purposes: ["TREAT", "BTG"], adultsOnly: true }],
      icsWithoutNode: [{ code: "QJ2", name: "There", region: "Midlands" }],
      crls: ["MAA="],
    });
    assert.deepEqual(differencesOf(before, after), [
      "member wm-b: gone",
      "member wm-c: new",
      "member wm-a: status: was live, is suspended",
      "member wm-a: endpoints: was wm-a.example:443, is other:443",
      "agreement care: purposes: with BTG",
      "agreement care: adultsOnly: was false, is true",
      "revocation lists: 0 before, 1 now, with other contents",
      "ICSs without a node: with QJ2",
    ]);
  });

  it("needs a second person where more than one and more than a fifth of the live members go", () => {
    const of = (live: number, gone: number): boolean => {
      const members = Array.from({ length: live }, (_, at) => member(`wm-${at}`));
      return needsApprovalSince(manifest({ members }), manifest({ members: members.slice(gone) })) !== undefined;
    };
    assert.deepEqual(
      [of(2, 1), of(6, 1), of(6, 2), of(10, 2), of(10, 3), of(42, 8), of(42, 9)],
      [false, false, true, false, true, false, true],
    );
  });

  it("needs one where it lets more nodes share presence filters, and not where it lets fewer", () => {
    const sharing = (...ids: string[]): Manifest =>
      manifest({
        routing: "presence-filter",
        presence: { dpia: "P", signOffs: ids.map((id) => ({ member: id, guardian: "G", signedOn: "2026-01-01" })) },
      });
    const more = "lets more nodes share presence filters";
    assert.equal(needsApprovalSince(manifest(), sharing("wm-a", "wm-b")), more);
    assert.equal(needsApprovalSince(sharing("wm-a", "wm-b"), sharing("wm-a", "wm-b", "wm-c")), more);
    assert.equal(needsApprovalSince(sharing("wm-a", "wm-b", "wm-c"), sharing("wm-a", "wm-b")), undefined);
    assert.equal(needsApprovalSince(sharing("wm-a", "wm-b"), manifest()), undefined);
    assert.deepEqual(differencesOf(manifest(), sharing("wm-a", "wm-b")), [
      "routing: was ask-all, is presence-filter",
      "presence filters' DPIA: was not there, is P",
      "presence filters' sign-offs: with wm-a (G, 2026-01-01), wm-b (G, 2026-01-01)",
    ]);
  });

  it("needs one where it stops care under an agreement: suspended, ended sooner, narrowed, or gone with all who made it still there", () => {
    const [care] = manifest().agreements;
    const of = (changes: Partial<typeof care> | undefined, members?: Member[]): string | undefined =>
      needsApprovalSince(
        manifest({ agreements: [{ ...care!, endDate: "2027-06-01" }] }),
        manifest({
          agreements: changes === undefined ? [] : [{ ...care!, endDate: "2027-06-01", ...changes }],
          ...(members !== undefined && { members }),
        }),
      );
    const stops = "stops care under care";
    assert.equal(of({ suspendedBy: ["Ann", "Ben"] }), stops);
    assert.equal(of({ endDate: "2026-12-01" }), stops);
    assert.equal(of(undefined), stops);
    const care0 = care!;
    for (const narrowed of [
      { members: [care0.members[0]!, "wm-z"] },
      { purposes: care0.purposes.slice(1) },
      { recordTypes: ["allergies"] },
      { roleGroups: ["emergency-medical"] },
    ]) {
      assert.equal(of(narrowed), stops, JSON.stringify(narrowed));
    }
    for (const kept of [{}, { endDate: "2028-01-01" }, { title: "Other" }, { reviewDate: "2026-12-01" }]) {
      assert.equal(of(kept), undefined);
    }
    assert.equal(
      of(undefined, [member("wm-a"), member("wm-b", { status: "left" })]),
      undefined,
      "one of them has left",
    );
  });

  it("needs one where those who approve are others, fewer or more than before; whoever had none may name some", () => {
    const [ann, ben] = ["A".repeat(43), "B".repeat(43)];
    const of = (before: string[] | undefined, after: string[] | undefined): string | undefined =>
      needsApprovalSince(
        manifest({ ...(before !== undefined && { approvers: before }) }),
        manifest({ ...(after !== undefined && { approvers: after }) }),
      );
    for (const after of [[ben], [ann, ben], [], undefined]) assert.equal(of([ann], after), "changes who approves");
    assert.deepEqual([of([ann, ben], [ben, ann]), of(undefined, [ann]), of([], undefined)], Array(3).fill(undefined));
  });
});
