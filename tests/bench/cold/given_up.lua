-- Many loops that cannot be traced: each is tried, and tried again, until it is left alone.
local loops = 500
local templates = {
[[local n, t = ... local s = 0 for i = 1, n do s = s + #string.gsub("abc", "b", function(c) return c .. %d end) end return s]],
[[local n, t = ... local s = 0 for i = 1, n do local ok, e = pcall(error, i) s = s + e + %d end return s]],
[[local n, t = ... local s = 0 local co = coroutine.wrap(function() for i = 1, n do coroutine.yield(i + %d) end end)
  for i = 1, n do s = s + co() end return s]],
[[local n, t = ... local s = 0 for i = 1, n do for w in ("a b c"):gmatch "%%a" do s = s + #w + %d end end return s]],
[[local n, t = ... local s = 0 for i = 1, n do local q = setmetatable({}, {__index = rawlen, __call = function(_, x) return x end}) s = s + q(%d) end return s]],
[[local n, t = ... local s = 0 for i = 1, n do local q = {i, 3, 2, %d} table.sort(q, function(a, b) return a < b end) s = s + q[1] end return s]],
}
local total = 0
local work = {}
for i = 1, loops do work[i] = load((templates[i % #templates + 1]):format(i), "=g" .. i) end
for _ = 1, 2 do for i = 1, loops do total = total + work[i](300) end end
print(total)
