// SPDX-License-Identifier: MIT
//
// cxx.cc - C++ reaches the hosted malloc through its operators: plain, array, aligned, nothrow, containers, threads, exceptions.
//
// The operators are the C++ library's; that they end up here shows in malloc_usable_size, which refuses foreign pointers.

#include <cstdint>
#include <cstdio>
#include <malloc.h>
#include <map>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

static int failures;

static void expect(bool ok, const char *what)
{
    if (!ok) {
        failures++;
        std::fprintf(stderr, "cxx.cc: expected %s\n", what);
    }
}
#define EXPECT(what) expect((what), #what)

static void say(const char *name)
{
    std::printf("%s %s\n", failures != 0 ? "fail" : "pass", name);
    failures = 0;
}

struct alignas(256) Wide {
    char bytes[300];
};

// Built before main, torn down after it.
static std::map<int, std::string> early{ { 1, "one, and long enough to be allocated" }, { 2, std::string(100000, 'x') } };

static void test_operators()
{
    std::unique_ptr<int> one(new int(5));
    std::unique_ptr<char[]> many(new char[1000000]);
    EXPECT(malloc_usable_size(one.get()) >= sizeof(int) && reinterpret_cast<std::uintptr_t>(one.get()) % 16 == 0);
    EXPECT(malloc_usable_size(many.get()) >= 1000000);
    std::vector<std::unique_ptr<Wide>> wide;
    for (int i = 0; i < 100; i++) {
        wide.emplace_back(new Wide);
        EXPECT(reinterpret_cast<std::uintptr_t>(wide.back().get()) % 256 == 0);
        EXPECT(malloc_usable_size(wide.back().get()) >= sizeof(Wide));
    }
    void *sized = ::operator new(24);
    ::operator delete(sized, std::size_t(24));
    void *page = ::operator new(10000, std::align_val_t(4096));
    EXPECT(reinterpret_cast<std::uintptr_t>(page) % 4096 == 0);
    ::operator delete(page, std::align_val_t(4096));
    void *none = ::operator new(0);
    EXPECT(none != nullptr);
    ::operator delete(none);
    say("operators");
}

static volatile std::size_t too_much = PTRDIFF_MAX;

static void test_no_memory()
{
    EXPECT(::operator new(too_much, std::nothrow) == nullptr);
    bool thrown = false;
    try {
        ::operator delete(::operator new(too_much));
    } catch (const std::bad_alloc &) {
        thrown = true;
    }
    EXPECT(thrown);
    say("no-memory");
}

static void test_containers()
{
    std::vector<std::string> words;
    for (int i = 0; i < 50000; i++)
        words.push_back(std::string(static_cast<std::size_t>(i % 90), static_cast<char>('a' + i % 26)));
    std::map<std::string, std::vector<int>> places;
    for (int i = 0; i < 50000; i++)
        places[words[static_cast<std::size_t>(i)]].push_back(i);
    std::size_t total = 0;
    for (const auto &entry : places)
        total += entry.second.size();
    EXPECT(total == 50000);
    EXPECT(early[2].size() == 100000 && early[1].substr(0, 3) == "one");
    say("containers");
}

static void test_threads()
{
    std::vector<std::thread> threads;
    std::vector<std::vector<std::string>> results(4);
    for (std::size_t t = 0; t < 4; t++) {
        threads.emplace_back([&results, t] {
            for (int i = 0; i < 20000; i++) {
                results[t].push_back(std::to_string(i) + std::string(40, 'y'));
                try {
                    if (i % 1000 == 0)
                        throw std::string("thrown");
                } catch (const std::string &text) {
                    results[t].back() = text;
                }
            }
        });
    }
    for (auto &thread : threads)
        thread.join();
    for (const auto &result : results)
        EXPECT(result.size() == 20000 && result[1000] == "thrown" && result[1001].size() == 44);
    say("threads");
}

int main()
{
    test_operators();
    test_no_memory();
    test_containers();
    test_threads();
    return 0;
}
