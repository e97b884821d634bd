-- The collector as a program sees it: weak tables, ephemerons, finalizers and their order, resurrection, options.

local function full() collectgarbage() collectgarbage() end
local function count(t) local n = 0 for _ in pairs(t) do n = n + 1 end return n end

-- Weak values, weak keys, both.
local wv, wk, wb = setmetatable({}, { __mode = "v" }), setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "kv" })
local keep = {}
for i = 1, 100 do wv[i] = {} wv["s" .. i] = "strings stay" wk[{}] = i wb[{}] = i wb[i] = {} end
wv.kept = keep wk[keep] = "kept" wb[keep] = keep wv.fn = print wv.num = 5 wv.bool = true wk.str = {} wk[1] = {} wb.s = "x"
full()
print(count(wv), wv.kept == keep, wv.fn == print, wv.num, wv.bool, wv.s1, wv[1]) print(count(wk), wk[keep], wk.str ~= nil, wk[1] ~= nil) print(count(wb), wb[keep] == keep, wb.s, wb[1])
local cache = setmetatable({}, { __mode = "v" }) local function get(k) local v = cache[k] if not v then v = { k } cache[k] = v end return v end local a = get("a") get("b") full() print(cache.a == a, cache.b)
local mode = {} local t = setmetatable({}, mode) t[1] = {} full() print(t[1] ~= nil) mode.__mode = "v" setmetatable(t, mode) full() print(t[1])
for _, m in ipairs({ "", "x", "kk", "vk", "kvx" }) do local t = setmetatable({}, { __mode = m }) t[{}] = 1 t[1] = {} full() print(m, count(t)) end

-- Ephemerons: a value that refers to its own key does not keep it; chains do not either.
local e = setmetatable({}, { __mode = "k" }) do local k = {} e[k] = { k } local k1, k2, k3 = {}, {}, {} e[k1] = k2 e[k2] = k3 e[k3] = k1 end full() print(count(e))
local first do local prev = {} first = prev for i = 1, 50 do local k = {} e[prev] = k prev = k end end full() local n, k = 0, first while k do n = n + 1 k = e[k] end print(n, count(e)) first, k = nil, nil full() print(count(e))
local e1, e2 = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" }) local root = {} do local x = {} e1[root] = x e2[x] = {} e1[e2[x]] = "far" end full() print(count(e1), count(e2), e1[e2[e1[root]]]) root = nil full() print(count(e1), count(e2))

-- Finalizers: once, in reverse order of marking, with resurrection, and again if marked again.
local order = {} for i = 1, 5 do setmetatable({}, { __gc = function() order[#order + 1] = i end }) end full() print(table.concat(order, " "))
local saved local mt mt = { __gc = function(o) o.n = o.n + 1 saved = o end } setmetatable({ n = 0 }, mt) full() print(saved.n) saved = nil full() print(saved) local o = setmetatable({ n = 0 }, mt) setmetatable(o, mt) o = nil full() print(saved.n) setmetatable(saved, mt) saved = nil full() print(saved.n) saved = nil full() print(saved)
local log = {} do local inner = setmetatable({ name = "inner" }, { __gc = function(s) log[#log + 1] = s.name end }) setmetatable({ name = "outer", inner = inner }, { __gc = function(s) log[#log + 1] = s.name .. ">" .. s.inner.name end }) end full() print(table.concat(log, " "))
local w = setmetatable({}, { __mode = "v" }) local wkk = setmetatable({}, { __mode = "k" }) local seen do local x = setmetatable({}, { __gc = function(s) seen = tostring(w[1]) .. tostring(wkk[s]) end }) w[1] = x wkk[x] = "still a key" end full() print(seen, count(w)) full() print(count(wkk))
local late = setmetatable({}, {}) getmetatable(late).__gc = function() print("never: __gc came after setmetatable") end late = nil full() local early = setmetatable({}, { __gc = true }) getmetatable(early).__gc = function() print("called: the field was there") end early = nil full()
setmetatable({}, { __gc = "not a function" }) full() local chain = 0 local function again() if chain < 3 then chain = chain + 1 setmetatable({}, { __gc = again }) end end again() for i = 1, 5 do full() end print(chain)
local created = {} setmetatable({}, { __gc = function() for i = 1, 1000 do created[i] = { i } end collectgarbage() collectgarbage("step") end }) full() print(#created) print(pcall(function() local t = setmetatable({}, { __gc = function() local x <close> = nil local s = 0 for i = 1, 10 do s = s + i end return s end }) end)) full()
local co do local x = setmetatable({}, { __gc = function() co = "collected with its coroutine" end }) local c = coroutine.create(function() local y = x coroutine.yield() end) coroutine.resume(c) end full() print(co)
local fin = 0 for i = 1, 2000 do setmetatable({}, { __gc = function() fin = fin + 1 end }) end full() print(fin) local up = 0 do local v = {} setmetatable(v, { __gc = function() up = up + 1 end }) local f = function() return v end f = nil end full() print(up)
setmetatable({}, { __gc = function() error("in a finalizer") end }) full() warn("@on") setmetatable({}, { __gc = function() error("in a finalizer", 0) end }) full() setmetatable({}, { __gc = function() error({}) end }) full() setmetatable({}, { __gc = function() error(setmetatable({}, { __tostring = function() return "converted?" end })) end }) full() warn("@off")
setmetatable({}, { __gc = function(...) print("arguments", select("#", ...), type((...))) end }) full()

-- Strings, closures, threads and userdata go; what is reachable stays.
local weak = setmetatable({}, { __mode = "v" }) do local function f() return f end weak.f = f weak.co = coroutine.create(function() end) weak.file = io.tmpfile() local self = {} self.self = self weak.cycle = self weak.up = (function() local t = {} return function() return t end end)() end full() print(next(weak)) local live = {} for i = 1, 200 do live[i] = { tostring(i):rep(10), function() return live[i] end } end full() local ok = true for i = 1, 200 do ok = ok and live[i][1] == tostring(i):rep(10) and live[i][2]() == live[i] end print(ok)
local co = coroutine.create(function() local a, b = {}, {} coroutine.yield() return a, b end) coroutine.resume(co) full() print(select("#", coroutine.resume(co)))

-- Options.
collectgarbage("restart") print(collectgarbage("isrunning"), collectgarbage("stop"), collectgarbage("isrunning"), collectgarbage("restart"), collectgarbage("isrunning")) print(collectgarbage("incremental"), collectgarbage("generational"), collectgarbage("generational"), collectgarbage("incremental"), collectgarbage("incremental", 160, 200, 10), collectgarbage("incremental", 0, 0, 0))
print(collectgarbage("setpause", 120), collectgarbage("setpause", 200), collectgarbage("setstepmul", 300), collectgarbage("setstepmul", 100), type(collectgarbage("count")), math.type(collectgarbage("count")), collectgarbage("collect"), collectgarbage(), type(collectgarbage("step")), collectgarbage("step", 1000000)) print(pcall(collectgarbage, "nonsense")) print(pcall(collectgarbage, 5))
collectgarbage("generational") for r = 1, 20 do local t = {} for i = 1, 500 do t[i] = { i, tostring(i) } end keep[r] = t[r] end full() local s = 0 for r = 1, 20 do s = s + keep[r][1] end print(s) local w = setmetatable({}, { __mode = "k" }) for i = 1, 100 do w[{}] = i end full() print(count(w)) for i = 1, 10 do collectgarbage("step") end collectgarbage("incremental")
collectgarbage("stop") local before, t = collectgarbage("count"), {} for i = 1, 2000 do t[1] = { i } end print(collectgarbage("count") > before + 50) collectgarbage("restart") full() print(collectgarbage("count") < before + 50) collectgarbage("stop") local steps = 0 repeat steps = steps + 1 until collectgarbage("step", 0) print(steps >= 1) collectgarbage("restart")

-- Growth is bounded while garbage is made.
local base = collectgarbage("count") local peak = 0 for i = 1, 200000 do local t = { i, i + 1 } if i % 1000 == 0 then local c = collectgarbage("count") if c > peak then peak = c end end end full() print(peak < base * 4 + 2000, collectgarbage("count") < base * 1.5 + 500) local str = "" for i = 1, 3000 do str = str .. "x" end full() print(#str, collectgarbage("count") < base * 2 + 1000) local list for i = 1, 50000 do list = { next = list } end local n = 0 while list do n = n + 1 list = list.next end print(n)
local nested = {} for i = 1, 100000 do nested = { nested } end full() print(type(nested[1][1][1])) nested = nil full()

-- At exit the rest is called, newest first.
for i = 1, 3 do local o = setmetatable({}, { __gc = function() print("at exit", i) end }) keep[i] = o end KEEP = keep setmetatable({}, { __gc = function() print("at exit: not collected before?") end }) full()
keep.last = setmetatable({}, { __gc = function() print("at exit, last made", type(print), type(string.format), keep and #keep) setmetatable({}, { __gc = function() print("made while closing") end }) end })
