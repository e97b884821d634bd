-- goto, labels, break: loops made of them, closures, scopes, and what is refused.

local i = 1
::top:: if i <= 3 then io.write(i, " ") i = i + 1 goto top end print()
for i = 1, 3 do for j = 1, 3 do if j == 2 then goto continue end if i == 3 then goto done end io.write(i, j, " ") ::continue:: end end ::done:: print()
do local k = 0 ::a:: k = k + 1 if k == 1 then goto b elseif k == 2 then goto c else goto d end ::b:: io.write("b") goto a ::c:: io.write("c") goto a ::d:: print("d") end
while true do do goto out end end ::out::
repeat local x = 5 if x then goto skip end print("no") ::skip:: until true
local function f(n) if n == 1 then goto one elseif n == 2 then goto two end do return "none" end ::one:: do return "one" end ::two:: return "two" end print(f(1), f(2), f(3))

-- A variable is new each time its declaration is reached.
local fs = {} do local n = 1 ::again:: local v = n fs[n] = function() v = v + 10 return v end n = n + 1 if n <= 3 then goto again end end print(fs[1](), fs[1](), fs[2](), fs[3]())
local fs = {} for i = 1, 3 do local v = i ::l:: do local w = v fs[#fs + 1] = function() w = w + 1 return w, v end end v = v * 10 if v < 100 then goto l end end for _, f in ipairs(fs) do io.write(table.concat({ f() }, ","), " ") end print()
local function loops() local out = {} local a = 0 ::l1:: a = a + 1 local b = 0 ::l2:: b = b + 1 local cc = a * b out[#out + 1] = function() cc = cc + 1 return cc end if b < 2 then goto l2 end if a < 2 then goto l1 end return out end for _, f in ipairs(loops()) do io.write(f(), f(), " ") end print()

-- State machine over text.
local function words(s) local out, p, start = {}, 1 goto blank ::blank:: if p > #s then goto stop end if s:sub(p, p) == " " then p = p + 1 goto blank end start = p ::word:: p = p + 1 if p > #s or s:sub(p, p) == " " then out[#out + 1] = s:sub(start, p - 1) goto blank end goto word ::stop:: return table.concat(out, "|") end print(words("  the quick  brown fox "))

-- Labels of the same name in different functions and sibling blocks; at the end of blocks.
do ::same:: end do ::same:: end local function s1() goto same ::same:: end local function s2() goto same ::same:: end s1() s2()
do goto e local x = 1 ::e:: end do goto e local x ::e:: ; ; end for i = 1, 2 do goto e local y = i ::e:: end

for _, source in ipairs({ "goto x", "do ::x:: end goto x", "goto x; local a ::x:: print(a)", "::x:: ::x::", "::x:: do ::x:: end", "goto x do ::x:: end", "function f() goto x end ::x::", "break", "if true then break end", "while true do end break", "function f() break end while true do f() end",
	"repeat goto c; local x = 1; ::c:: until x", "repeat if a then goto c end; local x; ::c:: until x", "goto continue; local a; ::continue::", "goto continue; local a; ::continue:: ;", "goto = 1", "local goto", "::1::", "::x:", "goto 5", "goto", "for i = 1, 2 do goto x; local y; ::x:: end", "for i = 1, 2 do goto x; local y; ::x:: print() end",
	"do goto l1 end ::l1:: ::l2:: goto l2b ::l2b::", "::l1:: goto l1b; ::l1b:: return 1", "return 1; ::l::", "while true do ::x:: if x then goto x end break end", "local x <const> = 1; goto e; do local y end ::e::", "goto a; ::b:: local x; ::a::", "goto a; do local x; ::a:: end" }) do
	print(source, load(source, "=s") and "compiles" or select(2, load(source, "=s")))
end

-- break out of everything at once, with variables that are captured.
local kept for i = 1, 3 do local x = i * 2 kept = function() return x end if i == 2 then break end end print(kept())
local k2 while true do local x = 1 k2 = function() x = x + 1 return x end break end print(k2(), k2()) repeat local z = 9 k2 = function() return z end if z then break end until false print(k2())
for i = 1, 2 do while true do repeat break until true break end io.write("n", i, " ") end print()
