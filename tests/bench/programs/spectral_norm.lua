-- Largest singular value of an infinite matrix, by powers: nested loops, calls, floats.
local n = tonumber(arg and arg[1]) or 500

local function element(i, j)
	local k = i + j - 1
	return 1 / (k * (k - 1) * 0.5 + i)
end

local function times(v, out)
	for i = 1, n do
		local sum = 0
		for j = 1, n do
			sum = sum + element(i, j) * v[j]
		end
		out[i] = sum
	end
end

local function transposed_times(v, out)
	for i = 1, n do
		local sum = 0
		for j = 1, n do
			sum = sum + element(j, i) * v[j]
		end
		out[i] = sum
	end
end

local u, v, w = {}, {}, {}
for i = 1, n do
	u[i] = 1
end
for _ = 1, 20 do
	times(u, w)
	transposed_times(w, v)
	times(v, w)
	transposed_times(w, u)
end
local uv, vv = 0, 0
for i = 1, n do
	uv = uv + u[i] * v[i]
	vv = vv + v[i] * v[i]
end
print(string.format("%.9f", math.sqrt(uv / vv)))
