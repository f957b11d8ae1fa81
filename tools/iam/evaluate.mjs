// Decide for each request whether its policies allow it, and print a JSON array with one answer for each.
//
//     node evaluate.mjs FILE
//
// FILE holds {"policies": {NAME: DOCUMENT}, "requests": [{"principal", "action", "resource", "context", "identity",
// "bucketOrQueue", "documented"}]}: `identity` names the policy of the principal, `bucketOrQueue` that of the resource,
// or is null. Each answer is {"decision", "allowedBy"}: "Allowed", "ImplicitlyDenied", "ExplicitlyDenied" or, where
// AWS could not be asked so, "Error: ..."; and the Sids of the identity's statements that allow it.
import { readFileSync } from "node:fs";
import { runSimulation, runUnsafeSimulation } from "@cloud-copilot/iam-simulate";

const { policies, requests } = JSON.parse(readFileSync(process.argv[2], "utf8"));

function simulation(request, identity) {
  return {
    identityPolicies: [{ name: request.identity, policy: identity }],
    serviceControlPolicies: [],
    resourceControlPolicies: [],
    ...(request.bucketOrQueue === null ? {} : { resourcePolicy: policies[request.bucketOrQueue] }),
    request: {
      action: request.action,
      principal: request.principal,
      resource: { resource: request.resource, accountId: request.principal.split(":")[4] },
      contextVariables: request.context,
    },
  };
}

async function decide(request) {
  const identity = policies[request.identity];
  if (!request.documented) {
    // The evaluator goes by the service authorization reference and refuses what is not in there; unchecked, it
    // says no more than its decision, so that each statement is asked for on its own.
    const allows = (statement) =>
      runUnsafeSimulation(simulation(request, { ...identity, Statement: [statement] }), {}) === "Allowed";
    const decision = runUnsafeSimulation(simulation(request, identity), {});
    return { decision, allowedBy: identity.Statement.filter(allows).map(({ Sid }) => Sid) };
  }
  const outcome = await runSimulation(simulation(request, identity), {});
  if (outcome.resultType !== "single") {
    return { decision: `Error: ${JSON.stringify(outcome.errors ?? outcome.resultType)}`, allowedBy: [] };
  }
  const allowing = outcome.result.analysis.identityAnalysis?.allowStatements ?? [];
  return { decision: outcome.overallResult, allowedBy: allowing.map(({ explain }) => explain.identifier) };
}

const answers = [];
for (const request of requests) {
  answers.push(await decide(request));
}
console.log(JSON.stringify(answers));
