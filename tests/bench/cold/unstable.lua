-- Loops whose values change their types from turn to turn; many of them.
local loops = 400
local template = [[
local n, t = ...
local s, k = 0, %d
for i = 1, n do
  local v = t[(i * k) %% #t + 1]
  if type(v) == "string" then s = s .. #v s = tonumber(s) %% 97
  elseif math.type(v) == "float" then s = s + v
  elseif v then s = s * 2 %% 1009 else s = s // 1 | 0 end
end
return s]]
local t, total = { 1, 1.5, "a", true, 2, "bc", 0.25, 7, false, 3.0, "def" }, 0
local work = {}
for i = 1, loops do work[i] = load(template:format(i % 10 + 1), "=u" .. i) end
for _ = 1, 3 do for i = 1, loops do total = total + work[i](400, t) end end
print(total)
