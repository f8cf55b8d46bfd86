"""Asks for a slate and tells of a click: python3 recommend.py http://127.0.0.1:8080 (standard library only)"""
import json, sys, time, urllib.request, uuid

def post(path, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(sys.argv[1] + path, json.dumps(body).encode(), headers)
    return json.load(urllib.request.urlopen(request, timeout=5))

slate = post("/v1/recommendations", {"request_id": str(uuid.uuid4()), "user_id": "ann", "slots": 2})
if slate["logged"] and slate["items"]:
    click = {"event_id": str(uuid.uuid4()), "user_id": "ann", "type": "click", "time_ms": int(time.time() * 1000),
             "decision_id": slate["decision_id"], "item_id": slate["items"][0], "slate_hash": slate["slate_hash"]}
    post("/v1/events", {"events": [click]})
print(json.dumps(slate))
