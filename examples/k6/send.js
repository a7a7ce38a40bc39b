// Made by scripts/write_examples.py from the OpenAPI document. Run it with
//   k6 run -e KEY=ang_live_… -e RATE=100 -e DURATION=30s examples/k6/send.js
import http from "k6/http";
import { check } from "k6";

const URL = __ENV.URL || "http://localhost:8000";
const BODY = {
  "metadata": {
    "signup": 42
  },
  "notification_type": "email",
  "recipient": {
    "email": "john@example.com",
    "name": "John"
  },
  "template_code": "_verification",
  "variables": {
    "username": "john",
    "verification_link": "https://example.com/verify?token=abc"
  }
};

export const options = {
  scenarios: {
    send: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE || 50),
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: 50,
      maxVUs: 500,
    },
  },
  thresholds: { checks: ["rate>0.999"], http_req_duration: ["p(95)<500"] },
};

// Each call is a notification of its own: a request_id that is repeated gives the first one again.
export default function () {
  const body = { ...BODY, request_id: `k6-${__VU}-${__ITER}-${Date.now()}` };
  const answer = http.post(`${URL}/api/v1/notifications`, JSON.stringify(body), {
    headers: { "Content-Type": "application/json", "X-API-Key": __ENV.KEY || "" },
    tags: { operation: "send_notification" },
  });
  check(answer, { "is accepted": (given) => given.status === 202 });
}
