local t, sum = {}, 0
for i = 1, 200 do t[i] = i t["k" .. i] = { i } t[i + 0.5] = i t[-i] = { x = i, y = { i } } end
for i = 1, 200, 3 do t[i] = nil t["k" .. i] = nil end
for k, v in pairs(t) do sum = sum + (type(v) == "number" and v or v[1] or v.x) end
local list = {}
for i = 1, 100 do table.insert(list, 1, i) end
table.sort(list, function(a, b) return a % 7 < b % 7 end)
for i = 1, 50 do sum = sum + table.remove(list) end
local packed = table.pack(table.unpack(list, 1, 50))
sum = sum + #table.move(packed, 1, 50, 20, {}) + packed.n + #{ 1, 2, 3, table.unpack(packed) }
return sum
