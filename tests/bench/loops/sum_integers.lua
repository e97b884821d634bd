-- A plain numeric loop of integers (floats in LuaJIT from 2^31 on).
local s = 0
for i = 1, 2e8 do
	s = s + i
end
print(string.format("%.0f", s))
