"""Asks for a slate and tells of a click: python3 recommend.py http://127.0.0.1:8080 (standard library only).
A policy in `apprentice` mode shows what a request sends along as `baseline`, and nothing without."""
import json, sys, time, urllib.request, uuid

url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"

def post(path, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)
    try:
        return json.load(urllib.request.urlopen(request, timeout=5))
    except OSError as error:  # nobody listens, or says no: then the body says why
        sys.exit(f"{url}{path}: {error.read().decode() if hasattr(error, 'read') else error}")

slate = post("/v1/recommendations", {"request_id": str(uuid.uuid4()), "user_id": "ann", "slots": 2})
if slate["logged"] and slate["items"]:
    click = {"event_id": str(uuid.uuid4()), "user_id": "ann", "type": "click", "time_ms": int(time.time() * 1000),
             "decision_id": slate["decision_id"], "item_id": slate["items"][0], "slate_hash": slate["slate_hash"]}
    post("/v1/events", {"events": [click]})
print(json.dumps(slate))
