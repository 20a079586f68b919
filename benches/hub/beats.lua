-- Walks over the hosts in a scattered order; the requests are made once, so that the client stays cheap.
local hosts = tonumber(os.getenv("BENCH_HOSTS"))
local token = os.getenv("BENCH_TOKEN")
local threads = 0

function setup(thread)
    thread:set("first", threads * 7919)
    threads = threads + 1
end

function init(args)
    requests = {}
    for i = 0, hosts - 1 do
        local path = string.format("/api/v1/heartbeat/bench-%05d?token=%s", i, token)
        requests[i] = wrk.format("GET", path)
    end
    at = first % hosts
end

function request()
    at = (at + 7919) % hosts
    return requests[at]
end

function done(summary, latency, _)
    local e = summary.errors
    local errors = e.connect + e.read + e.write + e.status + e.timeout
    print(string.format("figures %.1f %.3f %d", summary.requests / (summary.duration / 1e6), latency:percentile(99) / 1000, errors))
end
