-- A loop whose body is a decision with more ways than it has turns to spare.
local ways, turns = 250, 60000
local lines = { "local t, n, seed = ... local s = 0 for i = 1, n do",
  "seed = (seed * 1103515245 + 12345) & 0x7fffffff local x = seed >> 8" }
for w = 1, ways do
  lines[#lines + 1] = ("%s x %% %d == %d then s = (s + t[%d] * %d) %% 65521"):format(w == 1 and "if" or "elseif",
    ways + 1 - w // 2, w // 2, w % 8 + 1, w)
end
lines[#lines + 1] = "else s = s ~ x end end return s"
local f = load(table.concat(lines, "\n"))
local total = 0
for round = 1, 6 do total = total + f({ 3, 1, 4, 1, 5, 9, 2, 6 }, turns // 6, round) end
print(total)
