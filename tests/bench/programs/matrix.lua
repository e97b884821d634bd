-- Matrices: multiplication and Gaussian elimination over tables of tables of floats.
local N = tonumber(arg[1]) or 290

local function make(n, f)
	local m = {}
	for i = 1, n do
		local row = {}
		for j = 1, n do
			row[j] = f(i, j)
		end
		m[i] = row
	end
	return m
end
local function multiply(a, b, n)
	local columns = make(n, function(i, j) return b[j][i] end)
	return make(n, function(i, j)
		local row, column, sum = a[i], columns[j], 0.0
		for k = 1, n do
			sum = sum + row[k] * column[k]
		end
		return sum
	end)
end
local function determinant(m, n)
	local d = 1.0
	for i = 1, n do
		local pivot = m[i][i]
		d = d * pivot / 64
		for j = i + 1, n do
			local row, top = m[j], m[i]
			local f = row[i] / pivot
			for k = i, n do
				row[k] = row[k] - f * top[k]
			end
		end
	end
	return d
end
local a = make(N, function(i, j) return (i * 7 + j * 13) % 11 / 4 + (i == j and 50 or 0) end)
local b = make(N, function(i, j) return (i - j) % 5 / 8 end)
local c = multiply(a, b, N)
c = multiply(c, a, N)
print(string.format("%.6e %.6e %.6e", c[1][1], c[N][N // 2], determinant(a, N)))
